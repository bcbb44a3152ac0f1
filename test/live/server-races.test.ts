import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { instrument } from '../support/instrument.ts';

// A balancer keeps idle connections to this server, and either side closes them first. The balancer is the truth.

const CONNECTIONS = 24;

interface Balancer {
  /** The header that it adds, if any. */
  readonly header: string;
  /** After so many idle milliseconds it closes connections. */
  readonly keeps: number;
  readonly end: (socket: Socket) => void;
}

/** Sends a request on each of its connections, and resolves to how many of them the server closed first. */
async function balance(port: number, { header, keeps, end }: Balancer): Promise<number> {
  let closedByServer = 0;
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      onTestFinished(() => void socket.destroy());
      socket.write(`GET / HTTP/1.1\r\nHost: a.test\r\n${header}\r\n`);
      await once(socket, 'data');
      const timer = setTimeout(() => end(socket), keeps);
      await new Promise<void>(resolve => {
        socket.on('error', () => {}).on('close', () => resolve());
        socket.on('end', () => {
          if (!socket.writableEnded) closedByServer++;
          clearTimeout(timer);
          socket.end();
        });
        socket.resume();
      });
    }),
  );
  return closedByServer;
}

async function serverThatKeeps(milliseconds: number): Promise<number> {
  const server = http.createServer(
    { keepAliveTimeout: milliseconds, keepAliveTimeoutBuffer: 0 } as http.ServerOptions,
    (_, response) => {
      response.setHeader('Connection', 'keep-alive'); // so that Node promises nothing
      response.end('ok');
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

const fin = (socket: Socket) => void socket.end();
const rst = (socket: Socket) => void socket.resetAndDestroy();

test.each<[string, number, Balancer, byServer: number, proxied: boolean]>([
  [
    'the server gives up first',
    300,
    { header: 'X-Forwarded-For: 1.2.3.4\r\n', keeps: 5_000, end: fin },
    CONNECTIONS,
    true,
  ],
  ['the same, by another header', 300, { header: 'via: 1.1 proxy\r\n', keeps: 5_000, end: fin }, CONNECTIONS, true],
  ['the balancer gives up first', 5_000, { header: 'Forwarded: for=1.2.3.4\r\n', keeps: 300, end: fin }, 0, true],
  ['the balancer resets', 5_000, { header: 'X-Forwarded-For: 1.2.3.4\r\n', keeps: 300, end: rst }, 0, true],
  ['a browser', 300, { header: 'Accept: */*\r\n', keeps: 5_000, end: fin }, CONNECTIONS, false],
])('%s', async (_what, keeps, balancer, byServer, proxied) => {
  const port = await serverThatKeeps(keeps);
  const { instrumentation, read } = instrument();

  expect(await balance(port, balancer)).toBe(byServer);

  const end = byServer > 0 ? 'server' : 'client';
  await expect
    .poll(async () =>
      (await read())
        .points('connmeter.server.connection.idle_time', { 'server.port': port })
        .map(({ attributes, value }) => [
          attributes['connmeter.idle.end'],
          attributes['connmeter.client.proxied'],
          value,
        ]),
    )
    .toEqual([[end, proxied, CONNECTIONS]]);
  const [idle] = (await read()).points('connmeter.server.connection.idle_time', { 'server.port': port });
  expect((idle?.sum ?? 0) / CONNECTIONS).toBeGreaterThan(0.29);
  expect((idle?.sum ?? 0) / CONNECTIONS).toBeLessThan(0.5);
  expect(instrumentation.connections.snapshot().advice).toMatchObject(
    proxied && byServer > 0
      ? [{ kind: 'server_keep_alive', port, observations: CONNECTIONS, code: 'server.keepAliveTimeout = 65_000' }]
      : [],
  );
});

test('how long a connection was idle before the next request', async () => {
  const port = await serverThatKeeps(5_000);
  const { read } = instrument();
  const socket = net.connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  for (const pause of [0, 200, 0, 200, 0]) {
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await once(socket, 'data');
    await new Promise(resolve => setTimeout(resolve, pause));
  }

  const points = (await read()).points('connmeter.server.connection.idle_time', { 'server.port': port });
  expect(points).toMatchObject([
    { value: 2, attributes: { 'connmeter.idle.end': 'reused', 'connmeter.client.proxied': false } },
  ]);
});
