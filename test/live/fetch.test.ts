import { lookup } from 'node:dns/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { connectionCounts, expectAllClosed, expectConnectionCounts, nextTurn } from '../support/connection-counts.ts';
import { instrument } from '../support/instrument.ts';
import { NO_SUCH_NAME, server } from '../support/server.ts';

const { undici: builtIn = '' } = process.versions;
const UNDICI_MAJOR = Number(builtIn.split('.')[0]);

/**
 * When a connection closes with its request, undici opens another one at once, without a request. This is the number of
 * connections left: the agent of undici 7 (Node 24) closes a pool, and so the new connection, at its last disconnect.
 */
const LEFT_OPEN = UNDICI_MAJOR === 7 ? 0 : 1;

/** Fetches, reads the whole body, and waits until undici has the connection back. */
async function get(url: string, init?: RequestInit): Promise<string> {
  const text = await (await fetch(url, init)).text();
  await nextTurn();
  return text;
}

test('sequential fetches share one connection', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();

  for (let i = 0; i < 5; i++) await get(`http://127.0.0.1:${port}/`);

  expect(await seen()).toMatchObject({ accepts: 1, requests: 5, open: 1 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 4, idle: 1 });
});

test('ten parallel fetches open ten connections, and the next ten reuse them', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const ten = () => Promise.all(Array.from({ length: 10 }, () => get(`http://127.0.0.1:${port}/`)));

  await ten();

  expect(await seen()).toMatchObject({ accepts: 10, requests: 10 });
  await expectConnectionCounts(read, port, { opened: 10, fresh: 10, idle: 10 });

  await ten();

  expect(await seen()).toMatchObject({ accepts: 10, requests: 20 });
  await expectConnectionCounts(read, port, { opened: 10, fresh: 10, reused: 10, idle: 10 });
});

test('a fetch by name counts under the name, with one lookup and one attempt per address tried', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const addresses = await lookup('localhost', { all: true });
  const { read } = instrument();

  await get(`http://localhost:${port}/`);
  await get(`http://localhost:${port}/`);

  const readings = await read();
  const ipv6First = addresses[0]?.family === 6;
  expect(await seen()).toMatchObject({ accepts: 1, requests: 2 });
  expect(readings.countsOf(port)).toEqual(connectionCounts({ opened: 1, fresh: 1, reused: 1, idle: 1 }));
  expect(readings.value('connmeter.connection.opened', { 'server.address': 'localhost' })).toBe(1);
  expect(readings.value('dns.lookup.duration', { 'dns.question.name': 'localhost' })).toBe(1);
  expect(readings.value('connmeter.connect.attempts', { 'connmeter.outcome': 'ok', 'network.type': 'ipv4' })).toBe(1);
  expect(readings.value('connmeter.connect.attempts', { 'connmeter.outcome': 'failed', 'network.type': 'ipv6' })).toBe(
    ipv6First ? 1 : 0,
  );
});

test('an unread large body keeps its connection active, and cancelling it closes the connection', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();

  const response = await fetch(`http://127.0.0.1:${port}/large`);

  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, active: 1, requests: 1 });

  await response.body?.cancel();

  await expect.poll(seen).toMatchObject({ accepts: 2, open: LEFT_OPEN });
  await expectConnectionCounts(read, port, { opened: 2, closed: 2 - LEFT_OPEN, fresh: 1, idle: LEFT_OPEN });
});

test('an abort before the response ends the request and its connection', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const abort = new AbortController();

  const response = fetch(`http://127.0.0.1:${port}/hang`, { signal: abort.signal });
  await expect.poll(seen).toMatchObject({ accepts: 1, requests: 1 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, active: 1, requests: 1 });
  abort.abort();
  await expect(response).rejects.toThrow('abort');

  await expect.poll(seen).toMatchObject({ accepts: 2, open: LEFT_OPEN });
  await expectConnectionCounts(read, port, { opened: 2, closed: 2 - LEFT_OPEN, fresh: 1, idle: LEFT_OPEN });
});

test('a POST with a body counts as one request', async () => {
  const { port, seen } = await server({ kind: 'http' });
  const { read } = instrument();
  const url = `http://127.0.0.1:${port}/echo`;

  await get(url, { method: 'POST', body: 'x'.repeat(100_000) });
  await get(url, { method: 'POST', body: new Blob(['x']).stream(), duplex: 'half' } as RequestInit);

  const { accepts, requests } = await seen();
  expect({ accepts, requests }).toEqual({ accepts: 1, requests: 2 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 1, idle: 1 });
});

test('a refused fetch is one failure in the connect phase', async () => {
  const { port, stop } = await server({ kind: 'http' });
  await stop();
  const { read } = instrument();

  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow('fetch failed');

  const readings = await read();
  expect(readings.countsOf(port)).toEqual(connectionCounts({ failed: 1 }));
  expect(
    readings.value('connmeter.connection.failed', {
      'server.address': '127.0.0.1',
      'network.protocol.name': 'http',
      'connmeter.phase': 'connect',
      'error.type': 'ECONNREFUSED',
    }),
  ).toBe(1);
});

test('a fetch of a name that does not exist fails in the dns phase, under the requested port', async () => {
  const { read } = instrument();

  await expect(fetch(`http://${NO_SUCH_NAME}:4711/`)).rejects.toThrow('fetch failed');

  const readings = await read();
  expect(readings.countsOf(4711)).toEqual(connectionCounts({ failed: 1 }));
  expect(
    readings.value('connmeter.connection.failed', { 'server.address': NO_SUCH_NAME, 'connmeter.phase': 'dns' }),
  ).toBe(1);
});

test('fetch over TLS counts each handshake, and uses HTTP/2 if the built-in undici does', async () => {
  // Set here because Node reads the variable at each handshake.
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { port, seen } = await server({ kind: 'http2', certificate: await certificate() });
  const { read } = instrument();
  // undici 8 (Node 26) offers HTTP/2 by default; 6 and 7 (Node 22 and 24) only with allowH2
  const version = UNDICI_MAJOR >= 8 ? '2' : '1.1';

  await get(`https://127.0.0.1:${port}/`);
  await Promise.all([1, 2, 3].map(() => get(`https://127.0.0.1:${port}/`)));

  const { accepts, secured, requests } = await seen();
  await expectConnectionCounts(read, port, {
    opened: accepts,
    fresh: accepts,
    reused: requests - accepts,
    idle: accepts,
  });
  expect({ accepts, secured, requests }).toEqual({
    accepts: version === '2' ? 1 : 3,
    secured: version === '2' ? 1 : 3,
    requests: 4,
  });
  const readings = await read();
  expect(readings.value('connmeter.tls.handshake.duration', { 'server.port': port })).toBe(secured);
  expect(readings.value('http.client.open_connections', { 'network.protocol.version': version })).toBe(accepts);
});

test('a fetch with an untrusted certificate fails in the tls phase', async () => {
  const { port, seen } = await server({ kind: 'https', certificate: await certificate() });
  const { read } = instrument();

  await expect(fetch(`https://localhost:${port}/`)).rejects.toThrow('fetch failed');

  expect(await seen()).toMatchObject({ accepts: 1, requests: 0 });
  await expectConnectionCounts(read, port, { failed: 1 });
  expect((await read()).value('connmeter.connection.failed', { 'server.port': port, 'connmeter.phase': 'tls' })).toBe(
    1,
  );
});

test('after the server has closed all connections, opened equals closed and the gauges are zero', async () => {
  const { port, seen, drop } = await server({ kind: 'http' });
  const { read } = instrument();
  const url = `http://127.0.0.1:${port}`;

  await Promise.all(['/', '/large', '/slow', '/gone', '/close'].map(path => get(url + path)));
  const hanging = fetch(`${url}/hang`).catch(() => 'dropped');
  await expect.poll(seen).toMatchObject({ requests: 6 });
  await drop();
  await hanging;

  await expect.poll(seen).toMatchObject({ open: 0 });
  const { accepts, requests } = await seen();
  await expectAllClosed(read);
  const { opened, fresh, reused } = (await read()).countsOf(port);
  expect({ opened, sent: fresh + reused }).toEqual({ opened: accepts, sent: requests });
});
