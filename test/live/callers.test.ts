import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { watchDispatcher, withCaller } from '../../src/index.ts';
import { certificate } from '../support/certificates.ts';
import { instrument, type Readings } from '../support/instrument.ts';

// Who makes requests and opens connections. The truth is what each request says of itself, at the server.

type Undici = typeof undici8;
type Ask = (path: string) => Promise<unknown>;
type Counts = Record<string, number>;

/** Each makes another number of requests, so that none can take the place of another. */
const CALLERS = [
  ['checkout', 2],
  ['search', 3],
  ['mail', 5],
] as const;

const [v6, v7, v8] = [undici6 as unknown as Undici, undici7 as unknown as Undici, undici8];

const node =
  (maxSockets = Infinity) =>
  (url: string): Ask => {
    const agent = new http.Agent({ keepAlive: true, maxSockets });
    onTestFinished(() => agent.destroy());
    return path =>
      new Promise((resolve, reject) => {
        http.get(url + path, { agent }, response => response.resume().on('end', resolve)).on('error', reject);
      });
  };

interface UndiciOptions {
  readonly connections?: number;
  readonly watch?: boolean;
  readonly asFetch?: boolean;
}

const undici =
  (
    { Agent, Client, request, fetch }: Undici,
    { connections, watch = false, asFetch = false }: UndiciOptions = {},
  ): ((url: string) => Ask) =>
  url => {
    const limited = connections === undefined ? {} : { connections };
    const bare = connections === 1 && !watch ? new Client(url) : new Agent(limited);
    onTestFinished(() => bare.destroy());
    const dispatcher = watch ? watchDispatcher(bare) : bare;
    return asFetch
      ? async path => (await fetch(url + path, { dispatcher })).text()
      : async path => (await request(url + path, { dispatcher })).body.text();
  };

const globalFetch =
  () =>
  (url: string): Ask =>
  async path =>
    (await fetch(url + path)).text();

/** A server that notes who has made each request, and the first one of each connection. */
async function server() {
  const requests: Counts = {};
  const opened: Counts = {};
  const known = new WeakSet<object>();
  const add = (counts: Counts, name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  const listener = http.createServer({ keepAliveTimeout: 60_000 }, ({ url = '', socket }, response) => {
    const name = url.slice(1);
    add(requests, name);
    if (!known.has(socket)) add(opened, name);
    known.add(socket);
    setTimeout(() => response.end('hello'), 2);
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    listener.close();
    listener.closeAllConnections();
  });
  const { port } = listener.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, requests, opened };
}

/** By caller. Those without one are under ''. */
function byCaller(readings: Readings, name: string, port: number): Counts {
  const counts: Counts = {};
  for (const { attributes, value } of readings.points(name, { 'server.port': port })) {
    const caller = String(attributes['connmeter.caller'] ?? '');
    if (value > 0) counts[caller] = (counts[caller] ?? 0) + value;
  }
  return counts;
}

/** Everybody at once, so many requests at a time each: directly, and after an `await`. */
async function play(ask: Ask, parallel: number): Promise<void> {
  await Promise.all(
    CALLERS.map(([name, count]) =>
      withCaller(name, async () => {
        const loop = async () => {
          for (let i = 0; i < count; i++) await ask(`/${name}`);
        };
        await Promise.all(Array.from({ length: parallel }, loop));
      }),
    ),
  );
}

const EXACT: readonly (readonly [string, (url: string) => Ask])[] = [
  ['node:http', node()],
  ['node:http with a limit', node(2)],
  ['global fetch', globalFetch()],
  ['fetch of undici 8', undici(v8, { asFetch: true })],
  ['fetch of undici 6', undici(v6, { asFetch: true })],
  ['undici 6', undici(v6)],
  ['undici 7', undici(v7)],
  ['undici 8', undici(v8)],
  ['a Client of undici 8', undici(v8, { connections: 1 })],
  ['undici 6 with a limit, watched', undici(v6, { connections: 2, watch: true })],
  ['undici 7 with a limit, watched', undici(v7, { connections: 2, watch: true })],
  ['undici 8 with a limit, watched', undici(v8, { connections: 2, watch: true })],
];

describe.each(EXACT)('%s', (_name, client) => {
  test.each([1, 4, 20])('%i at a time for each caller: all of them are right', async parallel => {
    const { port, url, requests, opened } = await server();
    const { read } = instrument();

    await play(client(url), parallel);
    const readings = await read();

    expect(byCaller(readings, 'connmeter.requests', port)).toEqual(requests);
    expect(byCaller(readings, 'connmeter.connection.opened', port)).toEqual(opened);
  });
});

const LIMITED: readonly (readonly [string, (url: string) => Ask])[] = [
  ['undici 6', undici(v6, { connections: 2 })],
  ['undici 7', undici(v7, { connections: 2 })],
  ['undici 8', undici(v8, { connections: 2 })],
  ['fetch of undici 7', undici(v7, { connections: 2, asFetch: true })],
];

describe.each(LIMITED)('%s with a limit, not watched', (_name, client) => {
  test.each([1, 4, 20])('%i at a time for each caller: none is wrong', async parallel => {
    const { port, url, requests, opened } = await server();
    const { read } = instrument();

    await play(client(url), parallel);
    const seen = byCaller(await read(), 'connmeter.requests', port);
    const seenOpened = byCaller(await read(), 'connmeter.connection.opened', port);

    for (const [name] of CALLERS) {
      expect(seen[name] ?? 0).toBeLessThanOrEqual(requests[name] ?? 0);
      expect(seenOpened[name] ?? 0).toBeLessThanOrEqual(opened[name] ?? 0);
    }
    expect(Object.values(seen).reduce((all, count) => all + count)).toBe(
      Object.values(requests).reduce((all, count) => all + count),
    );
  });

  test('whoever opened the connection does not make the requests that wait for it', async () => {
    const { port, url } = await server();
    const { read } = instrument();
    const ask = client(url);

    await Promise.all([1, 2].map(() => withCaller('checkout', () => ask('/checkout'))));
    await Promise.all(Array.from({ length: 40 }, () => ask('/nobody')));

    expect(byCaller(await read(), 'connmeter.requests', port)).toEqual({ checkout: 2, '': 40 });
  });
});

test('who waits for a connection is in the same metrics', async () => {
  const { port, url } = await server();
  const { read } = instrument();
  const ask = node(1)(url);

  await play(ask, 4);
  const points = (await read()).points('http.client.request.time_in_queue', { 'server.port': port });

  expect(Object.fromEntries(points.map(({ attributes, value }) => [attributes['connmeter.caller'], value]))).toEqual(
    Object.fromEntries(CALLERS.map(([name, count]) => [name, count * 4])),
  );
});

test('the name of a watched dispatcher is the caller of all its requests', async () => {
  const { port, url } = await server();
  const { read } = instrument();
  const agent = new undici8.Agent({ connections: 2 });
  onTestFinished(() => agent.destroy());
  const dispatcher = watchDispatcher(agent, { name: 'payments' });

  const ask = async () => (await undici8.request(url, { dispatcher })).body.text();
  await Promise.all([...Array.from({ length: 10 }, ask), withCaller('search', ask)]);

  expect(byCaller(await read(), 'connmeter.requests', port)).toEqual({ payments: 11 });
  expect(byCaller(await read(), 'connmeter.connection.opened', port)).toEqual({ payments: 2 });
});

test('requests that undici repeats itself have no caller, or their own', async () => {
  let attempts = 0;
  const failing = http.createServer((_request, response) => {
    attempts++;
    response.writeHead(attempts % 3 === 0 ? 200 : 503).end();
  });
  await once(failing.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    failing.close();
    failing.closeAllConnections();
  });
  const { port } = failing.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const { read } = instrument();
  const agent = new undici8.Agent();
  onTestFinished(() => agent.destroy());
  const dispatcher = agent.compose(undici8.interceptors.retry({ minTimeout: 5, maxTimeout: 5, maxRetries: 5 }));
  const ask = async () => (await undici8.request(url, { dispatcher })).body.text();

  await withCaller('checkout', ask); // opens the connection
  for (let i = 0; i < 3; i++) await ask();

  const seen = byCaller(await read(), 'connmeter.requests', port);
  expect(seen['checkout']).toBeLessThanOrEqual(3);
  expect(seen['checkout']).toBeGreaterThanOrEqual(1);
  expect((seen['checkout'] ?? 0) + (seen[''] ?? 0)).toBe(attempts);
});

describe('HTTP/2', () => {
  async function h2Server() {
    const listener = http2.createSecureServer(await certificate());
    const requests: Counts = {};
    listener.on('stream', (stream, headers) => {
      const name = String(headers[':path']).slice(1);
      requests[name] = (requests[name] ?? 0) + 1;
      setTimeout(() => {
        stream.respond({ ':status': 200 });
        stream.end('hello');
      }, 5);
    });
    await once(listener.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => void listener.close());
    const { port } = listener.address() as AddressInfo;
    return { port, url: `https://127.0.0.1:${port}`, requests };
  }

  test.each([
    ['undici 7', v7, false],
    ['undici 7, watched', v7, true],
    ['undici 8, watched', v8, true], // until the session is open, undici 8 has a queue
  ])('%s: all requests of 20 at a time are right', async (_name, { Agent, request }, watch) => {
    const { port, url, requests } = await h2Server();
    const { read } = instrument();
    const agent = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
    onTestFinished(() => agent.destroy());
    const dispatcher = watch ? watchDispatcher(agent) : agent;

    await play(async path => (await request(url + path, { dispatcher })).body.text(), 20);

    expect(byCaller(await read(), 'connmeter.requests', port)).toEqual(requests);
  });

  test.each([
    ['undici 6', v6],
    ['undici 8', v8],
  ])('%s: none is wrong', async (_name, { Agent, request }) => {
    const { port, url, requests } = await h2Server();
    const { read } = instrument();
    const agent = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
    onTestFinished(() => agent.destroy());

    await play(async path => (await request(url + path, { dispatcher: agent })).body.text(), 20);
    const seen = byCaller(await read(), 'connmeter.requests', port);

    for (const [name] of CALLERS) expect(seen[name] ?? 0).toBeLessThanOrEqual(requests[name] ?? 0);
  });

  test('node:http2: what withCaller calls itself is right, what follows has no caller', async () => {
    const { port, url, requests } = await h2Server();
    const { read } = instrument();
    const session = http2.connect(url, { rejectUnauthorized: false });
    await once(session, 'connect');
    onTestFinished(() => session.destroy());
    const ask = (path: string) => once(session.request({ ':path': path }).resume(), 'close');

    await Promise.all(
      CALLERS.map(([name, count]) =>
        Promise.all(Array.from({ length: count }, () => withCaller(name, () => ask(`/${name}`)))),
      ),
    );
    await withCaller('search', async () => {
      await null;
      await ask('/later');
    });

    const { later, ...named } = requests;
    expect(byCaller(await read(), 'connmeter.requests', port)).toEqual({ ...named, '': later });
  });
});

test('at most 20 names; the others share one', async () => {
  const { port, url } = await server();
  const { read, instrumentation } = instrument();
  const ask = node()(url);

  for (let i = 0; i < 25; i++) await withCaller(`job ${i}`, () => ask('/job'));
  await withCaller('x'.repeat(1_000), () => ask('/job'));

  const seen = byCaller(await read(), 'connmeter.requests', port);
  expect(Object.keys(seen)).toHaveLength(21);
  expect(seen['_OTHER']).toBe(6);
  const [origin] = instrumentation.connections.snapshot().origins.filter(each => each.port === port);
  expect(origin?.requests).toEqual({ fresh: 1, reused: 25 });
  expect(origin?.opened).toEqual([{ cause: 'first', reason: undefined, count: 1 }]);
  expect(origin?.callers[0]).toEqual({ caller: 'job 0', opened: 1, requests: { fresh: 1, reused: 0 } });
});

test('withCaller returns and throws what the function does; a wrong name is an error', () => {
  const error = new Error('mine');

  expect(withCaller('a', () => 5)).toBe(5);
  expect(() =>
    withCaller('a', () => {
      throw error;
    }),
  ).toThrow(error);
  expect(() => withCaller('', () => 5)).toThrow(new TypeError('withCaller: expected a name, got an empty one'));
  expect(() => withCaller(5 as never, () => 5)).toThrow(new TypeError('withCaller: expected a name, got number'));
  expect(() => withCaller('a', 5 as never)).toThrow(
    new TypeError('withCaller: expected a function to run, got number'),
  );
  expect(() => watchDispatcher(new undici8.Agent(), { name: '' })).toThrow(
    new TypeError('watchDispatcher: name: expected a name, got an empty one'),
  );
});
