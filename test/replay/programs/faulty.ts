import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { open } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, ProxyAgent, request } from 'undici';
import { certificate } from '../../support/certificates.ts';
import { between, often, type Program, repeat, type World } from './program.ts';
import { closedPort, connected, fetched, get, query, undici } from './requests.ts';

const ORDERS = 'orders.internal:80';
const LIMITS = { seconds: 150, warmUp: 30 };

async function orders(world: World, wish: { keepAliveTimeout?: number; hint?: boolean } = {}): Promise<string> {
  const port = await world.start('http', wish);
  world.callIt(port, ORDERS);
  return `http://127.0.0.1:${port}`;
}

/** A server of this process. The process in `world` calls it. */
async function ownServer(world: World, keepAliveTimeout: number, hint = true): Promise<number> {
  const server = http.createServer({ keepAliveTimeout }, (_request, response) => {
    if (!hint) response.setHeader('connection', 'keep-alive');
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await new Promise(resolve => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  world.callIt(port, 'api:8080');
  return port;
}

/** Programs with a fault. */
export const FAULTY = {
  'client-per-request': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world);
      often(10, () => undici(`${url}/?wait=5`, new Agent()));
    },
  },

  'bodies-unread': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world, { keepAliveTimeout: 65_000 });
      const agent = new http.Agent({ keepAlive: true });
      often(10, () => get(`${url}/?wait=5`, { agent }));
      often(1, async () => {
        http.get(url, { agent }, response => setTimeout(() => response.destroy(), 20_000));
      });
    },
  },

  'keep-alive-off': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world);
      const agent = new http.Agent({ keepAlive: false });
      often(10, () => get(`${url}/?wait=5`, { agent }));
    },
  },

  /** One request in five asks for a connection of its own. */
  'keep-alive-partly-off': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world);
      const agent = new http.Agent({ keepAlive: true });
      often(16, () => get(`${url}/?wait=5`, { agent }));
      often(4, () => get(`${url}/?wait=5`, { agent, headers: { connection: 'close' } }));
    },
  },

  'new-connections-high': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world);
      const agent = new http.Agent({ keepAlive: false });
      often(120, () => get(url, { agent }));
    },
  },

  /** Eight clients that call every 2 s, of a server that closes idle connections after 1 s and does not announce it. */
  'idle-closed-by-server': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world, { keepAliveTimeout: 10, hint: false });
      for (let i = 0; i < 8; i++) {
        const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
        void repeat(
          () => between(1_500, 2_500),
          () => get(url, { agent }),
        );
      }
    },
  },

  /** Something else keeps the only thread of the pool for up to 0.9 s, and lookups wait behind it. */
  'dns-slow': {
    ...LIMITS,
    env: { UV_THREADPOOL_SIZE: '1' },
    async run(world) {
      const port = await world.start('http', {});
      world.callIt(port, ORDERS, 'localhost');
      const path = join(mkdtempSync(join(tmpdir(), 'connmeter-replay-')), 'pipe');
      execFileSync('mkfifo', [path]);
      await world.start('writesTo', { path, every: 900 });
      // open() blocks until there is a writer
      void repeat(
        () => 5,
        async () => (await open(path, 'r')).close(),
      );
      const agent = new http.Agent({ keepAlive: false });
      often(3, () => get(`http://localhost:${port}/`, { agent }));
    },
  },

  'dns-failing': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world);
      const dispatcher = new Agent();
      often(10, () => undici(`${url}/?wait=5`, dispatcher));
      often(1, () => undici('http://orders.invalid/', dispatcher));
    },
  },

  'dns-rate-high': {
    ...LIMITS,
    async run(world) {
      const port = await world.start('http', {});
      world.callIt(port, ORDERS, 'localhost');
      const agent = new http.Agent({ keepAlive: false });
      often(70, () => get(`http://localhost:${port}/`, { agent }));
    },
  },

  'connect-refused': {
    ...LIMITS,
    async run(world) {
      const port = await closedPort();
      world.callIt(port, ORDERS);
      often(5, () => fetched(`http://127.0.0.1:${port}/`));
    },
  },

  'connect-unanswered': {
    ...LIMITS,
    async run(world) {
      const port = await world.start('full', {});
      world.callIt(port, ORDERS);
      const dispatcher = new Agent({ connect: { timeout: 2_000 } });
      for (let i = 0; i < 4; i++) {
        void repeat(
          () => between(200, 2_000),
          () => undici(`http://127.0.0.1:${port}/`, dispatcher),
        );
      }
    },
  },

  /** A server that accepts connections, and does not answer the TLS handshake. Connects themselves end after two minutes. */
  'handshakes-hang': {
    ...LIMITS,
    async run(world) {
      const port = await world.start('silent', {});
      world.callIt(port, ORDERS);
      for (let i = 0; i < 6; i++) get(`https://127.0.0.1:${port}/`).catch(() => {});
    },
  },

  'tls-failing': {
    ...LIMITS,
    async run(world) {
      const { key, cert } = await certificate({ expired: true });
      const port = await world.start('http', { key, cert });
      world.callIt(port, ORDERS, 'localhost');
      const agent = new https.Agent({ keepAlive: true, ca: cert });
      often(3, () => get(`https://localhost:${port}/`, { agent }));
    },
  },

  'tls-not-resumed': {
    ...LIMITS,
    async run(world) {
      const { key, cert } = await certificate();
      const port = await world.start('http', { key, cert });
      world.callIt(port, ORDERS, 'localhost');
      const agent = new https.Agent({ keepAlive: false, maxCachedSessions: 0, ca: cert });
      often(3, () => get(`https://localhost:${port}/`, { agent }));
    },
  },

  'proxy-refusing': {
    ...LIMITS,
    async run(world) {
      const port = await world.start('proxy', { status: 407 });
      world.callIt(port, 'proxy.internal:3128');
      const dispatcher = new ProxyAgent(`http://127.0.0.1:${port}`);
      often(2, () => request('https://orders.invalid/', { dispatcher }));
    },
  },

  /** Two connections for 15 requests/s that take 300 ms each. */
  'pool-saturated': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world);
      const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
      let waiting = 0;
      often(15, async () => {
        if (waiting > 50) return;
        waiting++;
        await get(`${url}/?wait=300`, { agent }).catch(() => {});
        waiting--;
      });
    },
  },

  'keep-alive-race': {
    ...LIMITS,
    async run(world) {
      const url = await orders(world);
      const agent = new http.Agent({ keepAlive: true });
      often(20, () => get(`${url}/?wait=5`, { agent }));
      const port = await world.start('resetsOnReuse', {});
      world.callIt(port, 'legacy.internal:80');
      const toLegacy = new http.Agent({ keepAlive: true, maxSockets: 1 });
      await repeat(
        () => between(2_000, 4_000),
        () => get(`http://127.0.0.1:${port}/`, { agent: toLegacy }),
      );
    },
  },

  /** The balancer keeps idle connections for 60 s, the server for 1.5 s. Nobody announces that. */
  'server-gives-up-first': {
    ...LIMITS,
    async run(world) {
      const port = await ownServer(world, 500, false);
      await world.start('clients', { port, count: 10, pause: 4_000, behindProxy: true });
      await world.start('clients', { port, count: 10, pause: 300, behindProxy: true });
    },
  },

  'server-closes-idle-early': {
    ...LIMITS,
    async run(world) {
      const port = await ownServer(world, 500);
      await world.start('clients', { port, count: 40, pause: 5_000 });
    },
  },

  'client-per-query': {
    ...LIMITS,
    async run(world) {
      const port = await world.start('lines', {});
      world.callIt(port, 'db.internal:5432');
      often(8, async () => {
        const socket = await connected(port);
        await query(socket);
        await pause(20);
        socket.end();
      });
    },
  },
} satisfies Record<string, Program>;
