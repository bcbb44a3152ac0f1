import { once } from 'node:events';
import http2, { type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { instrument } from '../support/instrument.ts';

// How many streams a connection carries at once, and what the server allows. The truth is what the server sees.

type Undici = typeof undici8;

async function server(maxConcurrentStreams?: number) {
  const settings = maxConcurrentStreams === undefined ? {} : { settings: { maxConcurrentStreams } };
  const listener = http2.createSecureServer({ ...(await certificate()), ...settings });
  const sessions = new Set<ServerHttp2Session>();
  let most = 0;
  listener.on('session', session => {
    sessions.add(session);
    let open = 0;
    session.on('stream', stream => {
      most = Math.max(most, ++open);
      stream.once('close', () => open--);
      stream.on('error', () => {});
      setTimeout(() => {
        if (stream.destroyed) return;
        stream.respond({ ':status': 200 });
        stream.end('hello');
      }, 20);
    });
    session.on('error', () => {});
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    listener.close();
  });
  const { port } = listener.address() as AddressInfo;
  return { port, url: `https://127.0.0.1:${port}`, sessions, most: () => most };
}

async function connect(url: string): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(url, { rejectUnauthorized: false });
  session.on('error', () => {});
  onTestFinished(() => session.destroy());
  await once(session, 'connect');
  await once(session, 'remoteSettings');
  return session;
}

const get = (session: http2.ClientHttp2Session) => once(session.request({ ':path': '/' }).resume(), 'close');

/** The values of a metric of a port, by code or ''. */
function seenAt(port: number) {
  const { read, instrumentation } = instrument();
  return {
    instrumentation,
    async values(name: string) {
      const points = (await read()).points(`connmeter.http2.${name}`, { 'server.port': port });
      return Object.fromEntries(
        points.map(({ attributes, value }) => [String(attributes['connmeter.http2.code'] ?? ''), value]),
      );
    },
  };
}

test('node:http2: the most streams of a connection, and the limits of all', async () => {
  const { port, url, most } = await server(50);
  const seen = seenAt(port);
  const first = await connect(url);
  const second = await connect(url);

  await get(first);
  await Promise.all(Array.from({ length: 20 }, () => get(second)));

  expect(most()).toBe(20);
  expect(await seen.values('streams.peak')).toEqual({ '': 20 });
  expect(await seen.values('streams.max')).toEqual({ '': 100 });
  const { live } = seen.instrumentation.connections.snapshot();
  expect(live.filter(each => each.port === port).map(({ mostStreams }) => mostStreams)).toEqual([1, 20]);

  second.destroy();
  await expect.poll(() => seen.values('streams.peak')).toEqual({ '': 1 });
  expect(await seen.values('streams.max')).toEqual({ '': 50 });
});

test('a server without a limit has none', async () => {
  const { port, url } = await server();
  const seen = seenAt(port);

  await get(await connect(url));

  expect(await seen.values('streams.max')).toEqual({});
  expect(await seen.values('goaway')).toEqual({ NO_ERROR: 0 });
});

test('HTTP/1.1 has none of these series', async () => {
  const { read } = instrument();

  await fetch('data:text/plain,hello');

  expect((await read()).names.filter(name => name.includes('http2'))).toEqual([]);
});

describe.each([
  ['undici 6', undici6 as unknown as Undici],
  ['undici 7', undici7 as unknown as Undici],
  ['undici 8', undici8],
])('%s', (_name, { Agent, request }) => {
  test.each([1, 4, 20])('as many streams at once as the server sees, with %i requests at a time', async parallel => {
    const { port, url, most } = await server(100);
    const seen = seenAt(port);
    const dispatcher = new Agent({ allowH2: true, connections: 1, connect: { rejectUnauthorized: false } });
    onTestFinished(() => dispatcher.destroy());

    for (let round = 0; round < 2; round++) {
      await Promise.all(Array.from({ length: parallel }, async () => (await request(url, { dispatcher })).body.text()));
    }

    expect(await seen.values('streams.peak')).toEqual({ '': most() });
    expect(await seen.values('streams.max')).toEqual({ '': 100 });
  });
});

test.each([
  [0, 'NO_ERROR'],
  [11, 'ENHANCE_YOUR_CALM'],
  [99, '_OTHER'],
])('GOAWAY with code %i is counted as %s', async (code, name) => {
  const { port, url, sessions } = await server();
  const seen = seenAt(port);
  const session = await connect(url);
  await get(session);

  const [serverSide] = sessions;
  serverSide?.goaway(code);
  await once(session, 'goaway');

  expect(await seen.values('goaway')).toMatchObject({ [name]: 1 });
  const [origin] = seen.instrumentation.connections.snapshot().origins.filter(each => each.port === port);
  expect(origin?.goaways).toEqual([{ code: name, count: 1 }]);
});
