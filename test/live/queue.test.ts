import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { watchDispatcher } from '../../src/index.ts';
import { instrument } from '../support/instrument.ts';

// How long requests wait for a connection. The truth is when they arrive at the server.

/** What the way to the server may take, in seconds, on a machine that also runs other tests. */
const WAY = 0.06;

type Undici = typeof undici8;
type Ask = (path: string, signal?: AbortSignal) => Promise<unknown>;

interface Limits {
  /** How many connections to one origin. */
  readonly limit?: number;
  /** How long a lookup takes, in milliseconds. */
  readonly lookup?: number;
}

type MakeClient = (url: string, limits: Limits) => Ask;

/** Resolves every name to this machine, after a while. */
const lookupAfter = (milliseconds: number): LookupFunction => {
  return (_name, _options, callback) => {
    setTimeout(() => callback(null, [{ address: '127.0.0.1', family: 4 }]), milliseconds);
  };
};

const node: MakeClient = (url, { limit = Infinity, lookup = 0 }) => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: limit });
  onTestFinished(() => agent.destroy());
  return (path, signal) =>
    new Promise((resolve, reject) => {
      const options = { agent, lookup: lookupAfter(lookup), ...(signal && { signal }) };
      http
        .get(url + path, options, response => response.resume().on('end', () => resolve(undefined)))
        .on('error', reject);
    });
};

/** `limit: 1` is a Client: its queue is visible. */
const undici =
  ({ Client, Agent, request }: Undici): MakeClient =>
  (url, { limit, lookup = 0 }) => {
    const connect = { lookup: lookupAfter(lookup) };
    const dispatcher =
      limit === 1
        ? new Client(url, { connect })
        : new Agent({ connect, ...(limit !== undefined && { connections: limit }) });
    onTestFinished(() => dispatcher.destroy());
    return async (path, signal) => (await request(url + path, { dispatcher, ...(signal && { signal }) })).body.text();
  };

const UNDICI: readonly (readonly [string, MakeClient])[] = [
  ['undici 6', undici(undici6 as unknown as Undici)],
  ['undici 7', undici(undici7 as unknown as Undici)],
  ['undici 8', undici(undici8)],
];
const CLIENTS: readonly (readonly [string, MakeClient])[] = [['node:http', node], ...UNDICI];

/** A server that answers after so many milliseconds, and notes how long each request took to arrive, in seconds. */
async function slowServer(milliseconds: number) {
  const asked = new Map<string, number>();
  let arrived = 0;
  const server = http.createServer((request, response) => {
    arrived += (performance.now() - (asked.get(String(request.url)) ?? 0)) / 1_000;
    setTimeout(() => response.end(), milliseconds);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  let next = 0;
  const all = (ask: Ask, count: number) =>
    Promise.all(
      Array.from({ length: count }, () => {
        const path = `/${next++}`;
        asked.set(path, performance.now());
        return ask(path);
      }),
    );
  return { port, url: `http://localhost:${port}`, all, waited: () => arrived };
}

/** What was measured for a port. */
function seenAt(port: number) {
  const { read } = instrument();
  return async () => {
    const readings = await read();
    const at = { 'server.port': port };
    const value = (name: string) => readings.points(name, at)[0]?.value;
    const [queue] = readings.points('http.client.request.time_in_queue', at);
    return {
      count: queue?.value ?? 0,
      sum: queue?.sum ?? 0,
      pending: value('connmeter.request.pending'),
      saturated: value('connmeter.pool.saturated') ?? 0,
      limit: value('connmeter.pool.connections.max'),
      pools: value('connmeter.pools'),
    };
  };
}

describe.each(CLIENTS)('%s', (name, client) => {
  const isNode = name === 'node:http';

  test.each([1, 4, 20])('the queue of a limited client, %i at a time', async parallel => {
    const { port, url, all, waited } = await slowServer(60);
    const seen = seenAt(port);
    const ask = client(url, { limit: 1 });
    await all(ask, 1);
    const before = await seen();
    const began = performance.now();
    const waitedBefore = waited();
    const answers = all(ask, parallel);
    await expect.poll(async () => (await seen()).pending, { interval: 5 }).toBe(parallel - 1);
    await answers;
    const took = (performance.now() - began) / 1_000;
    const after = await seen();

    expect(after.pending).toBe(0);
    const truth = waited() - waitedBefore;
    if (parallel === 1) expect(after.saturated).toBe(0);
    else {
      expect(after.count - before.count).toBeGreaterThanOrEqual(parallel - 1);
      expect(after.sum - before.sum).toBeGreaterThan(truth * 0.98 - WAY * parallel);
      expect(after.sum - before.sum).toBeLessThanOrEqual(truth);
      expect(after.saturated).toBeGreaterThan(took * ((parallel - 1) / parallel) * 0.95 - WAY);
      expect(after.saturated).toBeLessThan(took);
    }
    if (isNode) expect(after).toMatchObject({ count: 1 + parallel, limit: 1 });
    expect(after.pools).toBe(1);
  });

  test.each([1, 4, 20])('requests that wait for a new connection to open, %i at a time', async parallel => {
    const { port, url, all, waited } = await slowServer(10);
    const seen = seenAt(port);
    const answers = all(client(url, { lookup: 150 }), parallel);
    await expect.poll(async () => (await seen()).pending, { interval: 5 }).toBe(parallel);
    await answers;
    const after = await seen();

    expect(after).toMatchObject({ count: parallel, pending: 0, saturated: 0, limit: undefined, pools: 1 });
    expect(after.sum).toBeGreaterThan(parallel * 0.149);
    expect(after.sum).toBeLessThanOrEqual(waited());
  });

  test('requests one after another do not wait', async () => {
    const { port, url, all } = await slowServer(1);
    const seen = seenAt(port);
    const ask = client(url, {});
    for (let i = 0; i < 5; i++) {
      await all(ask, 1);
      await pause(150);
    }
    const { count, sum, saturated } = await seen();

    expect(saturated).toBe(0);
    // Of undici it is known only if the connection was idle for some turns of the event loop.
    expect(count).toBeGreaterThanOrEqual(isNode ? 5 : 3);
    expect(count).toBeLessThanOrEqual(5);
    expect(sum).toBeLessThan(0.1); // for the connection
  });

  test('a request that is given up in the queue waits no more', async () => {
    const { port, url, all } = await slowServer(200);
    const seen = seenAt(port);
    const ask = client(url, { limit: 1 });
    const first = all(ask, 1);
    const given = all(path => ask(path, AbortSignal.timeout(60)), 3);
    await expect(given).rejects.toThrow();
    await pause(150);
    const { pending, saturated } = await seen();
    await first;
    await pause(150);

    expect(pending).toBe(0);
    if (isNode) {
      expect(saturated).toBeGreaterThan(0.05);
      expect((await seen()).saturated).toBe(saturated);
    }
    expect((await seen()).count).toBe(1);
  });
});

test('node:http: of two servers with the same name, requests wait for the one that they are for', async () => {
  const [first, second] = [await slowServer(200), await slowServer(200)];
  const [seenFirst, seenSecond] = [seenAt(first.port), seenAt(second.port)];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const askAt =
    ({ url }: { url: string }): Ask =>
    path =>
      new Promise((resolve, reject) => {
        http
          .get(url + path, { agent }, response => response.resume().on('end', () => resolve(undefined)))
          .on('error', reject);
      });

  const asked = [second.all(askAt(second), 1), first.all(askAt(first), 1), second.all(askAt(second), 2)];
  await pause(60);
  const [pendingFirst, pendingSecond] = [(await seenFirst()).pending, (await seenSecond()).pending];
  await Promise.all(asked);

  expect([pendingFirst, pendingSecond]).toEqual([0, 2]);
  expect([(await seenFirst()).count, (await seenSecond()).count]).toEqual([1, 3]);
});

describe.each(UNDICI)('%s', (_name, client) => {
  test.each([4, 20])('nothing is said about the queue of a pool with a limit, %i at a time', async parallel => {
    const { port, url, all } = await slowServer(20);
    const seen = seenAt(port);
    const ask = client(url, { limit: 2 });
    await all(ask, parallel);
    const { count, sum, ...others } = await seen();

    expect(count).toBe(2); // the first two, for which the connections were opened
    expect(sum).toBeLessThan(0.2);
    expect(others).toMatchObject({ pending: 0, saturated: 0, limit: undefined });
  });
});

type Watch = (undici: Undici, url: string, connections: number) => Ask;

const asking = ({ request }: Undici, url: string, dispatcher: undici8.Dispatcher): Ask => {
  onTestFinished(() => dispatcher.destroy());
  return async (path, signal) => (await request(url + path, { dispatcher, ...(signal && { signal }) })).body.text();
};

const WATCHED: readonly (readonly [string, Watch])[] = [
  ['an Agent', (undici, url, connections) => asking(undici, url, watchDispatcher(new undici.Agent({ connections })))],
  [
    'a Pool',
    ({ Pool }, url, connections) => {
      const pool = watchDispatcher(new Pool(url, { connections }));
      onTestFinished(() => pool.destroy());
      return async path => (await pool.request({ path, method: 'GET' })).body.text();
    },
  ],
  [
    'fetch',
    ({ Agent, fetch }, url, connections) => {
      const dispatcher = watchDispatcher(new Agent({ connections }));
      onTestFinished(() => dispatcher.destroy());
      return async path => (await fetch(url + path, { dispatcher })).text();
    },
  ],
];

describe.each([
  ['undici 6', undici6 as unknown as Undici],
  ['undici 7', undici7 as unknown as Undici],
  ['undici 8', undici8],
] as const)('%s, watched', (_name, undici) => {
  describe.each(WATCHED)('%s', (_kind, watch) => {
    test.each([2, 4, 20])('the queue of a pool with two connections, %i at a time', async parallel => {
      const { port, url, all, waited } = await slowServer(60);
      const seen = seenAt(port);
      const ask = watch(undici, url, 2);
      await all(ask, 2);
      const before = await seen();
      const waitedBefore = waited();
      const answers = all(ask, parallel);
      await expect.poll(async () => (await seen()).pending, { interval: 5 }).toBe(parallel - 2);
      await answers;
      const after = await seen();

      const truth = waited() - waitedBefore;
      expect(after).toMatchObject({ count: 2 + parallel, pending: 0, pools: 1 });
      expect(after.sum - before.sum).toBeLessThanOrEqual(truth);
      if (parallel === 2) return expect(after.saturated).toBe(0);

      // The truth includes the way to the server.
      expect(after.sum - before.sum).toBeGreaterThan(truth * 0.98 - WAY * parallel);
      expect(after.saturated).toBeGreaterThan(0.06 * (parallel / 2 - 1) * 0.9);
    });
  });

  test('a request that is given up in the queue waits no more, and the others do as before', async () => {
    const { port, url, all } = await slowServer(200);
    const seen = seenAt(port);
    const ask = asking(undici, url, watchDispatcher(new undici.Agent({ connections: 1 })));
    const first = all(ask, 1);
    const given = all(path => ask(path, AbortSignal.timeout(60)), 3);
    const second = all(ask, 1);
    await expect(given).rejects.toThrow();
    await Promise.all([first, second]);

    expect(await seen()).toMatchObject({ pending: 0, count: 2 }); // undici refuses them only when their turn comes
  });

  test('a dispatcher that is watched twice counts once', async () => {
    const { port, url, all } = await slowServer(60);
    const seen = seenAt(port);
    const answers = all(asking(undici, url, watchDispatcher(watchDispatcher(new undici.Agent({ connections: 1 })))), 3);
    await expect.poll(async () => (await seen()).pending, { interval: 5 }).toBe(2);
    await answers;
    expect(await seen()).toMatchObject({ pending: 0, count: 3 });
  });

  test('what undici refuses is refused as before', async () => {
    const { url } = await slowServer(1);
    const dispatcher = watchDispatcher(new undici.Agent());
    onTestFinished(() => dispatcher.destroy());
    const plain = new undici.Agent().compose(dispatch => dispatch);
    onTestFinished(() => plain.destroy());
    const refused = (each: undici8.Dispatcher, handler: unknown) => {
      try {
        each.dispatch({ origin: url, path: '/', method: 'GET' }, handler as never);
        return 'accepted';
      } catch (error) {
        return String(error);
      }
    };

    for (const handler of [undefined, null]) expect(refused(dispatcher, handler)).toBe(refused(plain, handler));
  });
});

test.each([[undefined], [null], [{}], ['http://localhost']])('%o is no dispatcher', wrong => {
  expect(() => watchDispatcher(wrong as never)).toThrow(/^watchDispatcher: expected a dispatcher of undici .*, got /);
});

test('an agent with a limit that does not keep its connections: each request waits for a new one', async () => {
  const { port, url, all, waited } = await slowServer(60);
  const seen = seenAt(port);
  const agent = new http.Agent({ maxSockets: 2 });
  const ask: Ask = path =>
    new Promise((resolve, reject) => {
      http.get(url + path, { agent }, response => response.resume().on('end', resolve)).on('error', reject);
    });
  const answers = all(ask, 8);
  await expect.poll(async () => (await seen()).pending, { interval: 5 }).toBe(6);
  await answers;
  const { count, sum, pending } = await seen();

  expect({ count, pending }).toEqual({ count: 8, pending: 0 });
  expect(sum).toBeGreaterThan(waited() * 0.98 - WAY * 8);
  expect(sum).toBeLessThanOrEqual(waited());
});

test('fifty sockets and sixty calls, as the AWS SDK has them', async () => {
  const { port, url, all } = await slowServer(100);
  const seen = seenAt(port);
  const answers = all(node(url, { limit: 50 }), 60);
  await expect.poll(seen, { interval: 5 }).toMatchObject({ limit: 50, pending: 10, pools: 1 });
  await answers;
});

test('agents that are made per request and kept are so many pools', async () => {
  const { port, url, all } = await slowServer(1);
  const seen = seenAt(port);
  for (let i = 1; i <= 25; i++) {
    await all(node(url, {}), 1);
    if (i % 5 === 0) expect((await seen()).pools).toBe(i);
  }
});
