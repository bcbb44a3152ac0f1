import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { connectionCounts, expectAllClosed, expectConnectionCounts, nextTurn } from '../support/connection-counts.ts';
import { instrument } from '../support/instrument.ts';
import { server } from '../support/server.ts';

type Undici = typeof undici8;

/** All three versions have the same interface here, but their types are not compatible. */
const VERSIONS: [number, Undici][] = [
  [6, undici6 as unknown as Undici],
  [7, undici7 as unknown as Undici],
  [8, undici8],
];

interface Closable {
  destroy(): Promise<void>;
}

function using<Dispatcher extends Closable>(dispatcher: Dispatcher): Dispatcher {
  onTestFinished(() => dispatcher.destroy());
  return dispatcher;
}

async function get(dispatcher: undici8.Dispatcher, path = '/', blocking = true): Promise<void> {
  const { body } = await dispatcher.request({ path, method: 'GET', blocking });
  await body.text(); // dump() of undici 6 throws over HTTP/2
  await nextTurn();
}

describe.each(VERSIONS)('undici %i', (major, { Agent, BalancedPool, Client, Pool, ...undici }) => {
  test('a client sends all of its requests over one connection', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const client = using(new Client(`http://127.0.0.1:${port}`));

    for (let i = 0; i < 3; i++) await get(client);
    await Promise.all([get(client), get(client)]);

    expect(await seen()).toMatchObject({ accepts: 1, requests: 5, open: 1 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 4, idle: 1 });

    await client.close();

    await expect.poll(seen).toMatchObject({ open: 0 });
    await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1, reused: 4 });
  });

  test('a pool opens one connection per parallel request', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const pool = using(new Pool(`http://127.0.0.1:${port}`, { connections: 3 }));

    await Promise.all(Array.from({ length: 9 }, () => get(pool)));

    expect(await seen()).toMatchObject({ accepts: 3, requests: 9 });
    await expectConnectionCounts(read, port, { opened: 3, fresh: 3, reused: 6, idle: 3 });

    await pool.close();

    await expectConnectionCounts(read, port, { opened: 3, closed: 3, fresh: 3, reused: 6 });
  });

  test('request, stream and pipeline of an agent are counted the same way', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const dispatcher = using(new Agent());
    const url = `http://127.0.0.1:${port}`;

    await (await undici.request(`${url}/`, { dispatcher })).body.dump();
    await nextTurn();
    await undici.stream(
      `${url}/large`,
      { dispatcher, method: 'GET' },
      () => new Writable({ write: (_c, _e, done) => done() }),
    );
    await nextTurn();
    const duplex = undici.pipeline(`${url}/echo`, { dispatcher, method: 'POST' }, ({ body }) => body);
    duplex.end('x').resume();
    await once(duplex, 'end');

    expect(await seen()).toMatchObject({ accepts: 1, requests: 3 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 2, idle: 1 });
  });

  test('its fetch and the global fetch count on separate connections', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const dispatcher = using(new Agent());
    const url = `http://127.0.0.1:${port}/`;

    for (let i = 0; i < 2; i++) {
      await (await undici.fetch(url, { dispatcher })).text();
      await (await fetch(url)).text();
      await nextTurn();
    }

    expect(await seen()).toMatchObject({ accepts: 2, requests: 4 });
    await expectConnectionCounts(read, port, { opened: 2, fresh: 2, reused: 2, idle: 2 });
  });

  test('a balanced pool counts each upstream under its own port', async () => {
    const [first, second] = [await server({ kind: 'http' }), await server({ kind: 'http' })];
    const { read } = instrument();
    const pool = using(
      new BalancedPool([`http://127.0.0.1:${first.port}`, `http://127.0.0.1:${second.port}`], { connections: 1 }),
    );

    await Promise.all(Array.from({ length: 6 }, () => get(pool)));

    let sent = 0;
    for (const { port, seen } of [first, second]) {
      const { accepts, requests } = await seen();
      expect(accepts).toBe(1);
      await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: requests - 1, idle: 1 });
      sent += requests;
    }
    expect(sent).toBe(6);
  });

  test('a retried request counts each time it is sent', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const agent = using(new Agent());
    const dispatcher = new undici.RetryAgent(agent, { minTimeout: 1, maxRetries: 2 });

    await (await undici.request(`http://127.0.0.1:${port}/drop-once`, { dispatcher })).body.dump();

    expect(await seen()).toMatchObject({ accepts: 2, requests: 2, open: 1 });
    await expectConnectionCounts(read, port, { opened: 2, closed: 1, fresh: 2, idle: 1 });
  });

  test('pipelined requests are all active on one connection', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const client = using(new Client(`http://127.0.0.1:${port}`, { pipelining: 4 }));
    await get(client);

    const four = Promise.all(Array.from({ length: 4 }, () => get(client, '/slow', false)));

    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 4, active: 1, requests: 4 });

    await four;

    expect(await seen()).toMatchObject({ accepts: 1, requests: 5 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 4, idle: 1 });
  });

  test('a Unix socket counts under its path, without a port', async () => {
    const path = join(tmpdir(), `connmeter-${randomUUID()}.sock`);
    const { seen } = await server({ kind: 'http', path });
    const { read } = instrument();
    const client = using(new Client('http://localhost', { socketPath: path }));

    await get(client);
    await get(client);

    const readings = await read();
    const at = { 'server.address': path, 'server.port': undefined };
    expect(await seen()).toMatchObject({ accepts: 1, requests: 2 });
    expect(readings.value('connmeter.connection.opened', at)).toBe(1);
    expect(readings.value('connmeter.requests', at)).toBe(2);
    expect(readings.value('http.client.open_connections', { ...at, 'http.connection.state': 'idle' })).toBe(1);
    expect(readings.value('connmeter.connection.opened')).toBe(1);
    expect(readings.value('connmeter.requests')).toBe(2);
  });

  test('HTTP/2 streams share one connection', async () => {
    const atOnce = major === 6 ? 1 : 3; // undici 6 fails with several
    const { port, seen } = await server({ kind: 'http2', certificate: await certificate() });
    const { read } = instrument();
    const client = using(
      new Client(`https://127.0.0.1:${port}`, {
        allowH2: true,
        pipelining: atOnce,
        connect: { rejectUnauthorized: false },
      }),
    );

    await get(client);
    const slow = Promise.all(Array.from({ length: atOnce }, () => get(client, '/slow')));
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: atOnce, active: 1, requests: atOnce });
    await slow;

    expect(await seen()).toMatchObject({ accepts: 1, secured: 1, requests: 1 + atOnce, open: 1 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: atOnce, idle: 1 });
    expect((await read()).value('http.client.open_connections', { 'network.protocol.version': '2' })).toBe(1);
  });

  test('an upgraded connection stays active until it closes', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const client = using(new Client(`http://127.0.0.1:${port}`));

    const { socket } = await client.upgrade({ path: '/', protocol: 'echo' });
    socket.write('x');
    await once(socket, 'data');

    expect(await seen()).toMatchObject({ accepts: 1, requests: 1 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, active: 1, requests: 1 });

    socket.destroy();
    await once(socket, 'close');

    await expect.poll(seen).toMatchObject({ open: 0 });
    expect((await read()).countsOf(port)).toMatchObject({ opened: 1, closed: 1, fresh: 1, active: 0, requests: 0 });
  });

  test("lookups of undici's DNS interceptor count once, under their name", async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const agent = using(new Agent());
    const dispatcher = agent.compose(undici.interceptors.dns({ dualStack: false, affinity: 4 }));
    const url = `http://localhost:${port}/`;

    for (let i = 0; i < 3; i++) {
      await (await undici.request(url, { dispatcher })).body.dump();
      await nextTurn();
    }

    const readings = await read();
    expect(await seen()).toMatchObject({ accepts: 1, requests: 3 });
    expect(readings.countsOf(port)).toEqual(connectionCounts({ opened: 1, fresh: 1, reused: 2, idle: 1 }));
    expect(readings.value('dns.lookup.duration', { 'dns.question.name': 'localhost' })).toBe(1);
    expect(readings.value('dns.lookup.duration')).toBe(1);
  });

  test.each([
    ['in a later turn', nextTurn],
    ['in the same turn', () => undefined],
  ])('a connector that takes its time is not mistaken for what connects %s', async (_, pause) => {
    const { port, seen } = await server({ kind: 'http' });
    const echo = await server({ kind: 'tcp' });
    const { read } = instrument();
    const connectNow = undici.buildConnector({});
    let connectLater = () => {};
    const client = using(
      new Client(`http://127.0.0.1:${port}`, {
        connect: (options, callback) => {
          connectLater = () => connectNow(options, callback);
        },
      }),
    );

    const request = get(client);
    const paused = pause();
    if (paused !== undefined) await paused;
    const plain = net.connect(echo.port, '127.0.0.1');
    onTestFinished(() => void plain.destroy());
    await once(plain, 'connect');
    connectLater();
    await request;

    expect(await seen()).toMatchObject({ accepts: 1, requests: 1 });
    expect(await echo.seen()).toMatchObject({ accepts: 1 });
    const readings = await read();
    const [point] = readings.points('connmeter.connection.opened', { 'server.port': echo.port });
    expect({ [port]: readings.countsOf(port), [echo.port]: readings.countsOf(echo.port) }).toEqual({
      [port]: connectionCounts({ opened: 1, fresh: 1, idle: 1 }),
      [echo.port]: connectionCounts({ opened: 1 }),
    });
    expect(point?.attributes).not.toHaveProperty('network.protocol.name');
  });

  test('a refused connection is one failure in the connect phase', async () => {
    const { port, stop } = await server({ kind: 'http' });
    await stop();
    const { read } = instrument();
    const client = using(new Client(`http://127.0.0.1:${port}`));

    await expect(get(client)).rejects.toThrow('ECONNREFUSED');

    const readings = await read();
    expect(readings.countsOf(port)).toEqual(connectionCounts({ failed: 1 }));
    expect(
      readings.points('connmeter.connection.failed', { 'server.port': port }).filter(({ value }) => value > 0),
    ).toMatchObject([{ attributes: { 'connmeter.phase': 'connect', 'error.type': 'ECONNREFUSED' } }]);
  });

  test("a stalled handshake fails in the tls phase with undici's connect timeout", async () => {
    const { port, seen } = await server({ kind: 'silent' });
    const { read } = instrument();
    const client = using(new Client(`https://127.0.0.1:${port}`, { connect: { timeout: 100 } }));

    await expect(get(client)).rejects.toThrow('Timeout');

    const { accepts } = await seen();
    await expectConnectionCounts(read, port, { failed: accepts });
    expect(accepts).toBe(1);
    expect(
      (await read()).points('connmeter.connection.failed', { 'server.port': port }).filter(({ value }) => value > 0),
    ).toMatchObject([{ attributes: { 'connmeter.phase': 'tls', 'error.type': 'UND_ERR_CONNECT_TIMEOUT' } }]);
  });

  test('a client destroyed during the TCP connect leaves a connection that opens and closes without a request', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const client = using(new Client(`http://127.0.0.1:${port}`));

    const request = get(client);
    await client.destroy();
    await expect(request).rejects.toThrow('destroyed');

    await expect.poll(seen).toMatchObject({ accepts: 1, open: 0, requests: 0 });
    await expectConnectionCounts(read, port, { opened: 1, closed: 1 });
  });

  test('a client destroyed during the handshake leaves it to fail with its own timeout', async () => {
    const { port, seen } = await server({ kind: 'silent' });
    const { read } = instrument();
    const client = using(new Client(`https://127.0.0.1:${port}`, { connect: { timeout: 200 } }));

    const request = get(client);
    await expect.poll(seen).toMatchObject({ accepts: 1 });
    await client.destroy();
    await expect(request).rejects.toThrow('destroyed');

    await expect.poll(seen, { timeout: 5_000 }).toMatchObject({ accepts: 1, open: 0 });
    await expectConnectionCounts(read, port, { failed: 1 });
  });

  test('cancelling a body closes its connection', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const pool = using(new Pool(`http://127.0.0.1:${port}`));

    const { body } = await pool.request({ path: '/slow', method: 'GET' });
    body.on('error', () => {}).destroy();

    const extra = major === 8 ? 0 : 1; // the pools of undici 6 and 7 open one more, without a request
    await expect.poll(seen).toMatchObject({ accepts: 1 + extra, open: extra });
    await expectConnectionCounts(read, port, { opened: 1 + extra, closed: 1, fresh: 1, idle: extra });
  });

  test('after all connections are closed, opened equals closed and the gauges are zero', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const agent = using(new Agent({ connections: 4 }));
    const send = (path: string) =>
      undici.request(`http://127.0.0.1:${port}${path}`, { dispatcher: agent }).then(
        ({ body }) => body.dump(),
        () => {},
      );

    await Promise.all(['/', '/large', '/slow', '/gone', '/close', '/drop'].map(send));
    const hanging = send('/hang');
    await expect.poll(seen).toMatchObject({ requests: 7 });
    await agent.destroy();
    await hanging;

    await expect.poll(seen).toMatchObject({ open: 0 });
    await expectAllClosed(read);
    const { accepts, requests } = await seen();
    const { opened, fresh, reused } = (await read()).countsOf(port);
    expect({ opened, sent: fresh + reused }).toEqual({ opened: accepts, sent: requests });
  });
});
