import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent } from 'undici';
import { certificate } from '../../support/certificates.ts';
import { between, often, type Program, repeat, type World } from './program.ts';
import { closedPort, connected, fetched, get, query, undici } from './requests.ts';

/** An API: it is called, and calls three servers with three clients. `load` 1 is 35 requests/s. */
async function api(world: World, load: number, { restarts = false } = {}): Promise<void> {
  const orders = await world.start('http', {});
  world.callIt(orders, 'orders.internal:80');
  const stock = await world.start('http', {});
  world.callIt(stock, 'stock.internal:80');
  const { key, cert } = await certificate();
  const pay = await world.start('http', { key, cert, keepAliveTimeout: 15_000 });
  world.callIt(pay, 'pay.internal:443', 'localhost');

  const agent = new http.Agent({ keepAlive: true });
  often(20 * load, () => get(`http://127.0.0.1:${orders}/?wait=5`, { agent }));
  const dispatcher = new Agent();
  often(10 * load, () => undici(`http://127.0.0.1:${stock}/?wait=5`, dispatcher));
  const secure = new https.Agent({ keepAlive: true, ca: cert });
  often(5 * load, () => get(`https://localhost:${pay}/?wait=10`, { agent: secure }));

  const server = http.createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  server.keepAliveTimeout = 65_000;
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  world.callIt(port, 'api:8080');
  await world.start('clients', { port, count: Math.ceil(10 * load), pause: 1_000 });

  if (restarts) {
    await pause(40_000);
    await world.start('restart', { port: orders, downFor: 4_000 });
  }
}

/** Programs without a fault. */
export const HEALTHY = {
  'api-day': { seconds: 240, warmUp: 30, run: world => api(world, 1) },
  'api-evening': { seconds: 240, warmUp: 30, run: world => api(world, 0.3) },
  'api-night': { seconds: 300, warmUp: 60, run: world => api(world, 0.06) },

  /** One client, one server. */
  plain: {
    seconds: 150,
    warmUp: 30,
    async run(world) {
      const port = await world.start('http', {});
      world.callIt(port, 'orders.internal:80');
      const agent = new http.Agent({ keepAlive: true });
      often(10, () => get(`http://127.0.0.1:${port}/?wait=5`, { agent }));
    },
  },

  /** One of its servers restarts after 40 s, and is down for 4 s. */
  'api-upstream-restarts': { seconds: 120, warmUp: 30, run: world => api(world, 1, { restarts: true }) },

  /** Ten requests at once every 6 s. undici closes connections after 4 s without requests. */
  bursty: {
    seconds: 180,
    warmUp: 30,
    async run(world) {
      const port = await world.start('http', { keepAliveTimeout: 65_000, hint: false });
      world.callIt(port, 'search.internal:80');
      const dispatcher = new Agent();
      const burst = () =>
        Promise.all(Array.from({ length: 10 }, () => undici(`http://127.0.0.1:${port}/?wait=50`, dispatcher)));
      await repeat(() => 6_000, burst);
    },
  },

  /** A batch job: it starts, asks many things for some minutes, and ends. */
  cron: {
    seconds: 240,
    warmUp: 30,
    async run(world) {
      const port = await world.start('http', {});
      world.callIt(port, 'reports.internal:80', 'localhost');
      const lines = await world.start('lines', {});
      world.callIt(lines, 'db.internal:5432');
      const sockets = await Promise.all([1, 2, 3, 4].map(() => connected(lines)));
      for (const socket of sockets)
        void repeat(
          () => between(10, 200),
          () => query(socket),
        );
      const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
      for (let i = 0; i < 4; i++) {
        void repeat(
          () => between(50, 400),
          () => get(`http://localhost:${port}/?wait=30`, { agent }),
        );
      }
    },
  },

  /** A request every 20 to 60 s to each of four servers, which close idle connections before the next one. */
  tiny: {
    seconds: 300,
    warmUp: 30,
    async run(world) {
      for (const name of ['config', 'flags', 'metrics', 'health']) {
        const port = await world.start('http', {});
        world.callIt(port, `${name}.internal:80`, 'localhost');
        void repeat(
          () => between(20_000, 60_000),
          () => fetched(`http://localhost:${port}/`),
        );
      }
    },
  },

  /** Hundreds of hosts. Each is asked a few times. One in ten refuses, one in ten does not exist, one in ten resets. */
  crawler: {
    seconds: 240,
    warmUp: 60,
    env: { CONNMETER_MAX_ORIGINS: '40' }, // with the default, 100, it would be as large as all other recordings
    async run(world) {
      const hosts = Array.from({ length: 300 }, (_, index) => `127.7.${index >> 6}.${(index & 63) + 1}`);
      const port = await world.start('http', { hosts: hosts.filter((_, index) => index % 10 > 1) });
      const resets = await world.start('resetsOnReuse', {});
      for (const address of hosts) world.callIt(port, `site-${hosts.indexOf(address)}.test:80`, address);
      world.callIt(resets, 'site-resets.test:80');
      const dispatcher = new Agent({ connections: 4 });
      let next = 0;
      often(15, async () => {
        const index = next++ % hosts.length;
        if (index % 10 === 1) return undici(`http://site-${index}.invalid:${port}/`, dispatcher);
        if (index % 100 === 99) return undici(`http://127.0.0.1:${resets}/`, dispatcher);
        for (let page = 0; page < 3; page++) await undici(`http://${hosts[index]}:${port}/?wait=20`, dispatcher);
      });
    },
  },

  /** A pool of connections to a database. It opens more in a rush, and closes those that are idle for 10 s. */
  database: {
    seconds: 240,
    warmUp: 30,
    async run(world) {
      const port = await world.start('lines', {});
      world.callIt(port, 'db.internal:5432');
      const idle: { socket: Socket; since: number }[] = [];
      const withConnection = async () => {
        const socket = idle.pop()?.socket ?? (await connected(port));
        await query(socket);
        await pause(between(1, 10));
        idle.push({ socket, since: performance.now() });
      };
      setInterval(() => {
        while (idle.length > 2 && performance.now() - (idle[0]?.since ?? 0) > 10_000) idle.shift()?.socket.end();
      }, 1_000);
      often(40, withConnection);
      await repeat(
        () => between(15_000, 40_000),
        () => Promise.all(Array.from({ length: 15 }, withConnection)),
      );
    },
  },

  /** A server behind a load balancer, which closes connections that are idle for 10 s. */
  'behind-balancer': {
    seconds: 240,
    warmUp: 30,
    async run(world) {
      const server = http.createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
      server.keepAliveTimeout = 65_000;
      await new Promise(resolve => server.once('listening', resolve));
      const { port } = server.address() as AddressInfo;
      world.callIt(port, 'api:8080');
      await world.start('clients', { port, count: 15, pause: 1_500, behindProxy: true, closeAfter: 10_000 });
      await world.start('clients', { port, count: 20, pause: 25_000, behindProxy: true, closeAfter: 10_000 });
    },
  },

  /** An agent in the program looks for a side-car, which is off, every 10 s. The program itself has little to do. */
  'side-car-off': {
    seconds: 180,
    warmUp: 30,
    async run(world) {
      const port = await world.start('http', {});
      world.callIt(port, 'orders.internal:80');
      const agent = new http.Agent({ keepAlive: true });
      often(5, () => get(`http://127.0.0.1:${port}/`, { agent }));
      const sideCar = await closedPort();
      world.callIt(sideCar, 'side-car:8126');
      await repeat(
        () => 10_000,
        () => fetched(`http://127.0.0.1:${sideCar}/`),
      );
    },
  },

  /** Waits for messages: five requests that are answered after 20 s, or when a message comes. */
  'long-poll': {
    seconds: 180,
    warmUp: 30,
    async run(world) {
      const port = await world.start('http', {});
      world.callIt(port, 'queue.internal:80');
      for (let i = 0; i < 5; i++) {
        void repeat(
          () => 10,
          () => fetched(`http://127.0.0.1:${port}/?wait=${between(1_000, 20_000)}`),
        );
      }
    },
  },
} satisfies Record<string, Program>;
