import { once } from 'node:events';
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type SecureClientSessionOptions } from 'node:http2';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { connectionCounts, expectAllClosed, expectConnectionCounts } from '../support/connection-counts.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { server } from '../support/server.ts';

function connect(url: string, options?: SecureClientSessionOptions): ClientHttp2Session {
  const session = http2.connect(url, { rejectUnauthorized: false, ...options });
  onTestFinished(() => session.destroy());
  return session;
}

async function get(session: ClientHttp2Session, path = '/'): Promise<void> {
  await once(session.request({ ':path': path }).resume(), 'close');
}

async function cancelled(stream: ClientHttp2Stream): Promise<void> {
  const closed = once(stream, 'close');
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await closed;
}

/** Open HTTP/2 connections to a port. */
function openAsHttp2(readings: Readings, port: number): number {
  return readings.value('http.client.open_connections', { 'server.port': port, 'network.protocol.version': '2' });
}

describe.each([
  ['http', 'http2c'],
  ['https', 'http2'],
] as const)('%s', (scheme, kind) => {
  test('sequential and parallel streams share the connection of their session', async () => {
    const { port, seen } = await server({ kind, certificate: await certificate() });
    const { read } = instrument();
    const session = connect(`${scheme}://127.0.0.1:${port}`);

    for (let i = 0; i < 3; i++) await get(session);
    const parallel = Promise.all(Array.from({ length: 20 }, () => get(session, '/slow')));

    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 22, active: 1, requests: 20 });

    await parallel;

    expect(await seen()).toMatchObject({ accepts: 1, requests: 23, open: 1 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 22, idle: 1 });
    expect(openAsHttp2(await read(), port)).toBe(1);

    session.close();

    await expect.poll(seen).toMatchObject({ open: 0 });
    await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1, reused: 22 });
  });

  test('streams that began before disable() do not end the requests that began after enable()', async () => {
    const { port, seen } = await server({ kind, certificate: await certificate() });
    const { read, instrumentation } = instrument();
    const session = connect(`${scheme}://127.0.0.1:${port}`);

    const before = Array.from({ length: 10 }, () => session.request({ ':path': '/hang' }));
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 9, active: 1, requests: 10 });
    instrumentation.disable();
    const unseen = session.request({ ':path': '/hang' });
    await expect.poll(seen).toMatchObject({ requests: 11 });
    instrumentation.enable();
    const after = Array.from({ length: 5 }, () => session.request({ ':path': '/hang' }));
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 14, active: 1, requests: 5 });

    await Promise.all([...before, unseen].map(cancelled));

    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 14, active: 1, requests: 5 });

    await Promise.all(after.map(cancelled));

    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 14, idle: 1 });
  });

  test('a session destroyed with streams open leaves nothing active', async () => {
    const { port, seen } = await server({ kind, certificate: await certificate() });
    const { read } = instrument();
    const session = connect(`${scheme}://127.0.0.1:${port}`);

    const hanging = Promise.all([1, 2, 3].map(() => get(session, '/hang')));
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 2, active: 1, requests: 3 });
    session.destroy();
    await hanging;

    await expect.poll(seen).toMatchObject({ accepts: 1, requests: 3, open: 0 });
    await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1, reused: 2 });
  });

  test('cancelling a stream ends its request, and the connection stays open', async () => {
    const { port, seen } = await server({ kind, certificate: await certificate() });
    const { read } = instrument();
    const session = connect(`${scheme}://127.0.0.1:${port}`);

    const stream = session.request({ ':path': '/hang' });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, active: 1, requests: 1 });
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await once(stream, 'close');
    await get(session);

    expect(await seen()).toMatchObject({ accepts: 1, requests: 2, open: 1 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 1, idle: 1 });
  });

  test('a pushed stream is not a request', async () => {
    const { port, seen } = await server({ kind, certificate: await certificate() });
    const { read } = instrument();
    const session = connect(`${scheme}://127.0.0.1:${port}`);
    const pushed = once(session, 'stream');

    await get(session, '/push');
    const [stream] = (await pushed) as [http2.ClientHttp2Stream];
    if (!stream.closed) await once(stream.resume(), 'close');

    expect(stream.id).toBe(2);
    expect(await seen()).toMatchObject({ accepts: 1, requests: 1 });
    await expectConnectionCounts(read, port, { opened: 1, fresh: 1, idle: 1 });
  });

  test('running streams finish after a GOAWAY, and the connection closes once', async () => {
    const { port, seen } = await server({ kind, certificate: await certificate() });
    const { read } = instrument();
    const session = connect(`${scheme}://127.0.0.1:${port}`);
    const closed = once(session, 'close');

    await Promise.all([get(session, '/slow'), get(session, '/goaway')]);
    await closed;

    await expect.poll(seen).toMatchObject({ accepts: 1, requests: 2, open: 0 });
    await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1, reused: 1 });
  });

  test('streams end when the server drops the connection', async () => {
    const { port, seen, drop } = await server({ kind, certificate: await certificate() });
    const { read } = instrument();
    const session = connect(`${scheme}://127.0.0.1:${port}`);
    session.on('error', () => {});

    const hanging = session.request({ ':path': '/hang' }).on('error', () => {});
    const over = new Promise(resolve => hanging.once('close', resolve));
    await expect.poll(seen).toMatchObject({ requests: 1 });
    await drop();
    await over;

    await expect.poll(seen).toMatchObject({ open: 0 });
    await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1 });
  });

  test('a request on a refused connection is one failure and no request', async () => {
    const { port, stop } = await server({ kind, certificate: await certificate() });
    await stop();
    const { read } = instrument();
    const session = connect(`${scheme}://127.0.0.1:${port}`);
    session.on('error', () => {});

    const request = session.request({ ':path': '/' }).on('error', () => {});
    await new Promise(resolve => request.once('close', resolve));

    const readings = await read();
    expect(readings.countsOf(port)).toEqual(connectionCounts({ failed: 1 }));
    expect(
      readings.points('connmeter.connection.failed', { 'server.port': port }).filter(({ value }) => value > 0),
    ).toMatchObject([{ attributes: { 'connmeter.phase': 'connect', 'error.type': 'ECONNREFUSED' } }]);
  });
});

test('after all sessions are closed, opened equals closed and the gauges are zero', async () => {
  const clear = await server({ kind: 'http2c' });
  const secure = await server({ kind: 'http2', certificate: await certificate() });
  const { read } = instrument();
  const sessions = [`http://127.0.0.1:${clear.port}`, `https://127.0.0.1:${secure.port}`].map(url => connect(url));

  for (const session of sessions) {
    await Promise.all(['/', '/large', '/slow', '/gone', '/push'].map(path => get(session, path)));
    session.request({ ':path': '/hang' }).on('error', () => {});
  }
  await expect.poll(clear.seen).toMatchObject({ requests: 6 });
  await expect.poll(secure.seen).toMatchObject({ requests: 6 });
  for (const session of sessions) session.destroy();

  await expectAllClosed(read);
  for (const { port, seen } of [clear, secure]) {
    await expect.poll(seen).toMatchObject({ accepts: 1, requests: 6, open: 0 });
    await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1, reused: 5 });
  }
});
