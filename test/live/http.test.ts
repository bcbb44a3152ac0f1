import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http, { type ClientRequest, type RequestOptions } from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { connectionCounts, expectAllClosed, expectConnectionCounts, nextTurn } from '../support/connection-counts.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { NO_SUCH_NAME, server } from '../support/server.ts';

const NODE_MAJOR = Number(process.versions.node.split('.')[0]);

const trusting = { rejectUnauthorized: false };

function using<Agent extends http.Agent>(agent: Agent): Agent {
  onTestFinished(() => agent.destroy());
  return agent;
}

/** Waits for the whole response of a request, and until its agent has the connection back. */
async function answered(request: ClientRequest): Promise<void> {
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(response.resume(), 'end');
  await nextTurn();
}

function get(url: string, options: RequestOptions | https.RequestOptions = {}): Promise<void> {
  return answered((url.startsWith('https') ? https : http).get(url, options));
}

/** The failures at a port, as `phase error.type`. */
function failuresOf(readings: Readings, port: number): string[] {
  return readings
    .points('connmeter.connection.failed', { 'server.port': port })
    .filter(({ value }) => value > 0)
    .map(({ attributes }) => `${attributes['connmeter.phase']} ${attributes['error.type']}`);
}

test.each(['http', 'https'] as const)(
  '%s: sequential requests on a keep-alive agent share one connection',
  async kind => {
    const { port, seen } = await server({ kind, certificate: await certificate() });
    const { read } = instrument();
    const agent = using(
      kind === 'http' ? new http.Agent({ keepAlive: true }) : new https.Agent({ keepAlive: true, ...trusting }),
    );

    for (let i = 0; i < 5; i++) await get(`${kind}://127.0.0.1:${port}/`, { agent });

    expect(await seen()).toMatchObject({ accepts: 1, requests: 5, open: 1 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 4, idle: 1 });

    agent.destroy();

    await expect.poll(seen).toMatchObject({ open: 0 });
    await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1, reused: 4 });
  },
);

test('the global agent keeps connections alive', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();

  for (let i = 0; i < 3; i++) await get(`http://127.0.0.1:${port}/`);

  expect(await seen()).toMatchObject({ accepts: 1, requests: 3 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 2, idle: 1 });
});

test.each([
  ['an agent without keep-alive', () => using(new http.Agent({ keepAlive: false }))],
  ['agent: false', () => false],
])('%s opens and closes a connection for each request', async (_, agent) => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const options = { agent: agent() };

  for (let i = 0; i < 3; i++) await get(`http://127.0.0.1:${port}/`, options);

  await expect.poll(seen).toMatchObject({ accepts: 3, requests: 3, open: 0 });
  await expectConnectionCounts(read, port, { opened: 3, closed: 3, fresh: 3 });
});

test('requests that wait for a free connection count when they get one', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true, maxSockets: 2 }));

  const all = Promise.all(Array.from({ length: 6 }, () => get(`http://127.0.0.1:${port}/slow`, { agent })));
  await expectConnectionCounts(read, port, { opened: 2, fresh: 2, active: 2, requests: 2 });
  await all;

  expect(await seen()).toMatchObject({ accepts: 2, requests: 6 });
  await expectConnectionCounts(read, port, { opened: 2, fresh: 2, reused: 4, idle: 2 });
});

test('a plain connection made in the same turn is not assigned to a queued request', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const echo = await server({ kind: 'tcp' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const first = get(`http://127.0.0.1:${port}/slow`, { agent });
  await expect.poll(seen).toMatchObject({ requests: 1 });

  const plain = net.connect(echo.port, '127.0.0.1');
  onTestFinished(() => void plain.destroy());
  const queued = get(`http://127.0.0.1:${port}/`, { agent });
  await Promise.all([once(plain, 'connect'), first, queued]);

  expect(await seen()).toMatchObject({ accepts: 1, requests: 2 });
  expect(await echo.seen()).toMatchObject({ accepts: 1 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 1, idle: 1 });
  await expectConnectionCounts(read, echo.port, { opened: 1 });
  const [point] = (await read()).points('connmeter.connection.opened', { 'server.port': echo.port });
  expect(point?.attributes).not.toHaveProperty('network.protocol.name');
});

test('a plain connection to the same server in the same turn as a queued request is not an HTTP connection', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const first = get(`http://127.0.0.1:${port}/slow`, { agent });
  await expect.poll(seen).toMatchObject({ requests: 1 });

  const plain = net.connect(port, '127.0.0.1');
  onTestFinished(() => void plain.destroy());
  const queued = get(`http://127.0.0.1:${port}/`, { agent });
  await Promise.all([once(plain, 'connect'), first, queued]);

  expect(await seen()).toMatchObject({ accepts: 2, requests: 2 });
  const readings = await read();
  const http1 = { 'server.port': port, 'network.protocol.name': 'http' };
  expect(readings.countsOf(port)).toEqual(connectionCounts({ opened: 2, fresh: 1, reused: 1, idle: 1 }));
  expect(readings.value('connmeter.connection.opened', http1)).toBe(1);
});

test('a Unix socket counts under its path, without a port', async () => {
  const path = join(tmpdir(), `connmeter-${randomUUID()}.sock`);
  const { seen } = await server({ kind: 'http', path });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true }));

  for (let i = 0; i < 2; i++) await answered(http.get({ socketPath: path, agent }));

  const readings = await read();
  const at = { 'server.address': path, 'server.port': undefined };
  expect(await seen()).toMatchObject({ accepts: 1, requests: 2 });
  expect(readings.value('connmeter.connection.opened', at)).toBe(1);
  expect(readings.value('connmeter.requests', { ...at, 'connmeter.connection.reused': true })).toBe(1);
  expect(readings.value('http.client.open_connections', { ...at, 'http.connection.state': 'idle' })).toBe(1);
  expect(readings.value('connmeter.connection.opened')).toBe(1);
  expect(readings.value('connmeter.requests')).toBe(2);
});

test('a CONNECT request stays active until its tunnel closes', async () => {
  const proxy = await server({ kind: 'http' });
  const target = await server({ kind: 'tcp' });
  const { read } = instrument();

  const request = http.request({
    port: proxy.port,
    host: '127.0.0.1',
    method: 'CONNECT',
    path: `127.0.0.1:${target.port}`,
  });
  request.end();
  const [, socket] = (await once(request, 'connect')) as [http.IncomingMessage, net.Socket];
  socket.write('x');
  await once(socket, 'data');

  expect(await proxy.seen()).toMatchObject({ accepts: 1, connects: 1 });
  await expectConnectionCounts(read, proxy.port, { opened: 1, fresh: 1, active: 1, requests: 1 });

  socket.destroy();

  await expect.poll(proxy.seen).toMatchObject({ open: 0 });
  await expectConnectionCounts(read, proxy.port, { opened: 1, closed: 1, fresh: 1 });
});

test('an upgraded connection stays active until it closes', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();

  const request = http.get(`http://127.0.0.1:${port}/`, { headers: { connection: 'upgrade', upgrade: 'echo' } });
  const [, socket] = (await once(request, 'upgrade')) as [http.IncomingMessage, net.Socket];
  socket.write('x');
  await once(socket, 'data');

  expect(await seen()).toMatchObject({ accepts: 1, requests: 1 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, active: 1, requests: 1 });

  socket.destroy();

  await expect.poll(seen).toMatchObject({ open: 0 });
  await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1 });
});

test('a streaming upload on a reused connection counts as one request', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true }));
  const url = `http://127.0.0.1:${port}/echo`;
  await get(url, { agent });

  const upload = http.request(url, { agent, method: 'POST' });
  for (let i = 0; i < 5; i++) {
    upload.write('x'.repeat(1000));
    await nextTurn();
  }
  await expect.poll(seen).toMatchObject({ requests: 2 });
  upload.end();
  await answered(upload);

  expect(await seen()).toMatchObject({ accepts: 1, requests: 2 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 1, idle: 1 });
});

test('a request whose response arrives before the upload ends counts once', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true }));

  const upload = http.request(`http://127.0.0.1:${port}/early`, { agent, method: 'POST' });
  upload.write('begun');
  const [response] = (await once(upload, 'response')) as [http.IncomingMessage];

  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, active: 1, requests: 1 });

  upload.end('done');
  await once(response.resume(), 'end');

  expect(await seen()).toMatchObject({ accepts: 1, requests: 1 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, idle: 1 });
});

test('a request destroyed in its first turn leaves nothing behind without a keep-alive agent', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();

  const request = http.get(`http://127.0.0.1:${port}/`, { agent: false });
  request.destroy();
  await once(request, 'error');

  await expect.poll(seen).toMatchObject({ open: 0, requests: 0 });
  const { accepts } = await seen();
  const { opened, closed, failed, ...rest } = (await read()).countsOf(port);
  expect({ begun: opened + failed, stillOpen: opened - closed }).toEqual({ begun: accepts, stillOpen: 0 });
  expect(rest).toEqual({ fresh: 0, reused: 0, active: 0, idle: 0, requests: 0 });
});

test('a request destroyed in its first turn leaves no active connection in a keep-alive agent', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true }));
  // Node 22 destroys the socket before it connects; later versions hand it to the agent.
  const kept = NODE_MAJOR === 22 ? 0 : 1;

  const request = http.get(`http://127.0.0.1:${port}/`, { agent });
  request.destroy();
  await once(request, 'error');

  await expect.poll(seen).toMatchObject({ accepts: 1, requests: 0, open: kept });
  await expectConnectionCounts(read, port, kept ? { opened: 1, idle: 1 } : { failed: 1 });

  await get(`http://127.0.0.1:${port}/`, { agent });

  expect(await seen()).toMatchObject({ accepts: 2 - kept, requests: 1, open: 1 });
  await expectConnectionCounts(read, port, { opened: 1, failed: 1 - kept, fresh: 1, idle: 1 });
});

test('a request destroyed while it connects leaves no connection', async () => {
  const { port, seen } = await server({ kind: 'silent' });
  const { read } = instrument();

  const request = https.get(`https://127.0.0.1:${port}/`);
  await expect.poll(seen).toMatchObject({ accepts: 1 });
  request.destroy();
  await once(request, 'error');

  await expect.poll(seen).toMatchObject({ accepts: 1, open: 0 });
  await expectConnectionCounts(read, port, { failed: 1 });
});

test('a request destroyed while it is queued does not count', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const first = get(`http://127.0.0.1:${port}/slow`, { agent });

  const queued = http.get(`http://127.0.0.1:${port}/`, { agent });
  queued.destroy();
  await once(queued, 'error');
  await first;

  expect(await seen()).toMatchObject({ accepts: 1, requests: 1 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, idle: 1 });
});

test('destroying a response before the end of its body closes the connection', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true }));

  const request = http.get(`http://127.0.0.1:${port}/slow`, { agent });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, active: 1, requests: 1 });
  response.destroy();

  await expect.poll(seen).toMatchObject({ open: 0 });
  await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1 });
});

test('a connection that the server drops counts as closed, and the next request opens a new one', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new http.Agent({ keepAlive: true }));

  await expect(get(`http://127.0.0.1:${port}/drop`, { agent })).rejects.toThrow('socket hang up');
  await get(`http://127.0.0.1:${port}/`, { agent });

  expect(await seen()).toMatchObject({ accepts: 2, requests: 2, open: 1 });
  await expectConnectionCounts(read, port, { opened: 2, closed: 1, fresh: 2, idle: 1 });
});

test('a refused request is one failure in the connect phase', async () => {
  const { port, stop } = await server({ kind: 'http' });
  await stop();
  const { read } = instrument();

  await expect(get(`http://127.0.0.1:${port}/`)).rejects.toThrow('ECONNREFUSED');

  const readings = await read();
  expect(readings.countsOf(port)).toEqual(connectionCounts({ failed: 1 }));
  expect(failuresOf(readings, port)).toEqual(['connect ECONNREFUSED']);
});

test.each(['http', 'https'] as const)(
  '%s: a name that does not exist fails in the dns phase, under the requested port',
  async kind => {
    const { read } = instrument();

    await expect(get(`${kind}://${NO_SUCH_NAME}:4711/`)).rejects.toThrow('ENOTFOUND');
    await expect(get(`${kind}://${NO_SUCH_NAME}/`)).rejects.toThrow('ENOTFOUND');

    const readings = await read();
    for (const port of [4711, kind === 'http' ? 80 : 443]) {
      expect(readings.countsOf(port)).toEqual(connectionCounts({ failed: 1 }));
      expect(failuresOf(readings, port)).toEqual(['dns ENOTFOUND']);
    }
    expect(readings.value('dns.lookup.duration', { 'dns.question.name': NO_SUCH_NAME })).toBe(2);
  },
);

/** Opens its connections asynchronously, as agents do that look something up first. */
class LateAgent extends http.Agent {
  override createConnection(
    options: http.ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    setImmediate(() => callback?.(null, net.connect(options as net.NetConnectOpts)));
    return undefined;
  }
}

test('connections that an agent opens in a later turn are counted', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = using(new LateAgent({ keepAlive: true }));

  for (let i = 0; i < 3; i++) await get(`http://127.0.0.1:${port}/`, { agent });

  expect(await seen()).toMatchObject({ accepts: 1, requests: 3 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 2, idle: 1 });
  expect((await read()).value('connmeter.connection.opened', { 'network.protocol.name': 'http' })).toBe(1);
});

/** Tunnels through a proxy: CONNECT over a plain socket, then TLS inside it. */
class TunnelAgent extends https.Agent {
  readonly #proxyPort: number;

  constructor(proxyPort: number) {
    super({ keepAlive: true, ...trusting });
    this.#proxyPort = proxyPort;
  }

  override createConnection(
    options: https.RequestOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const carrier = net.connect(this.#proxyPort, '127.0.0.1', () => {
      carrier.write(`CONNECT ${options.host}:${options.port} HTTP/1.1\r\n\r\n`);
      carrier.once('data', () => callback?.(null, tls.connect({ socket: carrier, ...trusting })));
    });
    return undefined;
  }
}

test('TLS in a proxy tunnel is one connection to the proxy, and its requests count at the target', async () => {
  const proxy = await server({ kind: 'http' });
  const target = await server({ kind: 'https', certificate: await certificate() });
  const { read } = instrument();
  const agent = using(new TunnelAgent(proxy.port));

  for (let i = 0; i < 3; i++) await get(`https://127.0.0.1:${target.port}/`, { agent });

  expect(await proxy.seen()).toMatchObject({ accepts: 1, connects: 1 });
  expect(await target.seen()).toMatchObject({ accepts: 1, secured: 1, requests: 3 });
  await expectConnectionCounts(read, target.port, { fresh: 1, reused: 2 });
  expect((await read()).countsOf(proxy.port)).toMatchObject({ opened: 1, closed: 0, failed: 0, fresh: 0, reused: 0 });

  const slow = get(`https://127.0.0.1:${target.port}/slow`, { agent });
  await expectConnectionCounts(read, target.port, { fresh: 1, reused: 3, requests: 1 });
  await slow;
  await expectConnectionCounts(read, target.port, { fresh: 1, reused: 3 });

  agent.destroy();

  await expect.poll(proxy.seen).toMatchObject({ open: 0 });
  await expectAllClosed(read);
});

test('after all connections are closed, opened equals closed and the gauges are zero', async () => {
  const plain = await server({ kind: 'http' });
  const secure = await server({ kind: 'https', certificate: await certificate() });
  const { read } = instrument();
  const agents = {
    http: using(new http.Agent({ keepAlive: true })),
    https: using(new https.Agent({ keepAlive: true, ...trusting })),
  };
  const send = (kind: 'http' | 'https', path: string) =>
    get(`${kind}://127.0.0.1:${(kind === 'http' ? plain : secure).port}${path}`, { agent: agents[kind] }).catch(
      () => {},
    );

  for (const kind of ['http', 'https'] as const) {
    await Promise.all(['/', '/large', '/slow', '/gone', '/close', '/drop'].map(path => send(kind, path)));
  }
  const hanging = [send('http', '/hang'), send('https', '/hang')];
  await expect.poll(plain.seen).toMatchObject({ requests: 7 });
  await expect.poll(secure.seen).toMatchObject({ requests: 7 });
  agents.http.destroy();
  agents.https.destroy();
  await Promise.all(hanging);

  await expectAllClosed(read);
  for (const { port, seen } of [plain, secure]) {
    await expect.poll(seen).toMatchObject({ open: 0 });
    const { accepts, requests } = await seen();
    const { opened, fresh, reused } = (await read()).countsOf(port);
    expect({ opened, sent: fresh + reused }).toEqual({ opened: accepts, sent: requests });
  }
});
