import { promises } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { nextTurn } from '../support/connection-counts.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { NO_SUCH_NAME, server } from '../support/server.ts';

// The origin is the address that the program connects to. A reverse proxy may forward the Host header of a client, so the
// header must not name an origin, use up a place in the table of origins, or hide a pool.

type Options = https.RequestOptions & { readonly port: number };

function request(module: typeof http | typeof https, options: Options): Promise<void> {
  return new Promise((resolve, reject) => {
    module
      .get(options, response => {
        response.resume().on('end', () => setImmediate(resolve));
      })
      .on('error', reject);
  });
}

function originsIn(readings: Readings, metric: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { attributes, value } of readings.points(metric)) {
    const origin = `${attributes['server.address']}:${attributes['server.port']}`;
    if (value > 0) counts[origin] = (counts[origin] ?? 0) + value;
  }
  return counts;
}

const HEADERS: readonly [says: string, host: (port: number, i: number) => string][] = [
  ['another host', () => 'shop.example'],
  ['another host each time, with the right port', (port, i) => `visitor-${i}.example:${port}`],
  ['the right host and another port each time', (_port, i) => `127.0.0.1:${10_000 + i}`],
  ['the right host and no port', () => '127.0.0.1'],
  ['no host at all', () => '@:/'],
];

test.each(HEADERS)(
  'node:http with a Host header for %s: an agent per request is a new pool each time',
  async (_, host) => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument({ maxOrigins: 5 });

    for (let i = 0; i < 10; i++) {
      const agent = new http.Agent({ keepAlive: true });
      onTestFinished(() => agent.destroy());
      await request(http, { host: '127.0.0.1', port, agent, headers: { host: host(port, i) } });
    }

    const readings = await read();
    expect(await seen()).toMatchObject({ accepts: 10, requests: 10 });
    expect(originsIn(readings, 'connmeter.requests')).toEqual({ [`127.0.0.1:${port}`]: 10 });
    expect(readings.causes()).toEqual({ first: 1, new_pool: 9 });
  },
);

test.each(HEADERS)(
  'node:https with a Host header for %s: an agent per request is a new pool each time',
  async (_, host) => {
    const made = await certificate();
    const { port } = await server({ kind: 'https', certificate: made });
    const { read } = instrument({ maxOrigins: 5 });

    for (let i = 0; i < 3; i++) {
      const agent = new https.Agent({ keepAlive: true, ca: made.cert, servername: 'localhost' });
      onTestFinished(() => agent.destroy());
      await request(https, { host: '127.0.0.1', port, agent, headers: { host: host(port, i) } });
    }

    const readings = await read();
    expect(originsIn(readings, 'connmeter.requests')).toEqual({ [`127.0.0.1:${port}`]: 3 });
    expect(readings.causes()).toEqual({ first: 1, new_pool: 2 });
  },
);

test('requests with two Host headers on one kept-alive connection count for one origin', async () => {
  const { port } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());

  for (const host of ['shop.example', 'blog.example', 'blog.example']) {
    await request(http, { host: '127.0.0.1', port, agent, headers: { host: `${host}:${port}` } });
  }

  expect(originsIn(await read(), 'connmeter.requests')).toEqual({ [`127.0.0.1:${port}`]: 3 });
});

test('a failed lookup counts under the port that the program connects to', async () => {
  const { read } = instrument();

  for (let i = 0; i < 3; i++) {
    const host = `${NO_SUCH_NAME}:${20_000 + i}`;
    await request(http, { host: NO_SUCH_NAME, port: 8443, headers: { host } }).catch(() => {});
  }

  expect(originsIn(await read(), 'connmeter.connection.failed')).toEqual({ [`${NO_SUCH_NAME}:8443`]: 3 });
});

test('120 Host headers forwarded by a reverse proxy use no place, and the next backend has its own series', async () => {
  const upstream = await server({ kind: 'http' });
  const backend = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = new http.Agent();

  for (let i = 0; i < 120; i++) {
    await request(http, {
      host: '127.0.0.1',
      port: upstream.port,
      agent,
      headers: { host: `evil-${i}.example:${upstream.port}` },
    });
  }
  await request(http, { host: 'localhost', port: backend.port, agent });

  expect(originsIn(await read(), 'connmeter.requests')).toEqual({
    [`127.0.0.1:${upstream.port}`]: 120,
    [`localhost:${backend.port}`]: 1,
  });
});

test('connections of two agents to two ports of one host count under their own port', async () => {
  const [one, two] = [await server({ kind: 'http' }), await server({ kind: 'http' })];
  const { read } = instrument();

  for (let i = 0; i < 2; i++) {
    const agent = new http.Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const to = (port: number) => request(http, { host: '127.0.0.1', port, agent, headers: { host: 'shop.example' } });
    await Promise.all([to(one.port), to(two.port)]);
    await to(two.port);
  }

  const readings = await read();
  expect(originsIn(readings, 'connmeter.requests')).toEqual({
    [`127.0.0.1:${one.port}`]: 2,
    [`127.0.0.1:${two.port}`]: 4,
  });
  expect(readings.causes()).toEqual({ first: 2, new_pool: 2 });
});

const UNDICI: [number, typeof undici8][] = [
  [6, undici6 as unknown as typeof undici8],
  [7, undici7 as unknown as typeof undici8],
  [8, undici8],
];

describe.each(UNDICI)('undici %i', (_, { Agent, interceptors, request: send }) => {
  test('with its DNS interceptor, the origin is the name that the program gave', async () => {
    const { port } = await server({ kind: 'http' });
    const { read } = instrument();
    const dispatcher = new Agent().compose(interceptors.dns({ dualStack: false, affinity: 4 }));
    onTestFinished(() => dispatcher.destroy());

    for (let i = 0; i < 3; i++) await (await send(`http://localhost:${port}/`, { dispatcher })).body.text();

    const readings = await read();
    expect(Object.keys(originsIn(readings, 'connmeter.connection.opened'))).toEqual([`localhost:${port}`]);
    expect(originsIn(readings, 'connmeter.requests')).toEqual({ [`localhost:${port}`]: 3 });
  });

  test('for an address, a Host header names neither the origin nor a lookup', async () => {
    const { port } = await server({ kind: 'http' });
    const { read } = instrument();

    for (let i = 0; i < 3; i++) {
      const dispatcher = new Agent();
      onTestFinished(() => dispatcher.destroy());
      const headers = { host: `visitor-${i}.example:${port}` };
      await (await send(`http://127.0.0.1:${port}/`, { dispatcher, headers })).body.text();
    }
    await promises.lookup('localhost');
    await nextTurn();

    const readings = await read();
    expect(originsIn(readings, 'connmeter.connection.opened')).toEqual({ [`127.0.0.1:${port}`]: 3 });
    const looked = readings.points('dns.lookup.duration').map(({ attributes }) => attributes['dns.question.name']);
    expect(looked).toEqual(['localhost']);
    expect(readings.points('connmeter.connection.failed', { 'connmeter.phase': 'dns' })).toEqual([]);
  });
});
