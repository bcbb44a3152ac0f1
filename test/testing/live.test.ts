import http from 'node:http';
import net from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Agent, fetch as fetchOfUndici, request as requestOfUndici } from 'undici';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConnectionsWasted, expectReuse, watchConnections } from '../../src/testing.ts';
import { freePort } from '../support/free-port.ts';
import { type Server, startServer } from '../support/server.ts';

const ends: (() => void)[] = [];
let asked: Server;
let url: string;
beforeAll(async () => {
  asked = await startServer({ kind: 'http' }, end => ends.push(end));
  url = `http://127.0.0.1:${asked.port}`;
  return () => ends.forEach(end => void end());
});
beforeEach(async () => {
  await asked.reset();
});

/** This file and the line after the one that calls it. */
function nextLine(): string {
  const [, line] = /live\.test\.ts:(\d+)/.exec(new Error().stack?.split('\n')[2] ?? '') ?? [];
  return `test/testing/live.test.ts:${Number(line) + 1}`;
}

async function times(count: number, run: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await run();
}

/** The error that it fails with. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    result => expect.fail(`passed, with ${result}`),
    error => error as Error,
  );
}

const kept: unknown[] = [];

async function clientPerRequest(): Promise<void> {
  const response = await fetchOfUndici(url, { dispatcher: new Agent() });
  await response.text();
}

function ask(agent?: http.Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, response => response.resume().on('end', () => setImmediate(resolve))).on('error', reject);
  });
}

describe('the counts are those of the server', () => {
  test.each<[string, () => Promise<void>, number]>([
    ['nothing', async () => {}, 0],
    ['a client per request', () => times(10, clientPerRequest), 10],
    ['without keep-alive', () => times(5, () => ask(new http.Agent())), 5],
    [
      'one agent',
      () => {
        const agent = new http.Agent({ keepAlive: true });
        return times(5, () => ask(agent));
      },
      1,
    ],
    ['at once', async () => void (await Promise.all([1, 2, 3].map(() => ask(new http.Agent())))), 3],
  ])('%s', async (_what, run, accepted) => {
    const { origins } = await watchConnections(run);

    const opened = origins.flatMap(each => each.opened).reduce((sum, { count }) => sum + count, 0);
    const requests = origins.map(each => each.requests.fresh + each.requests.reused);
    const seen = await asked.seen();
    expect({ opened, requests: requests[0] ?? 0 }).toEqual({ opened: accepted, requests: seen.requests });
    expect(seen.accepts).toBe(accepted);
  });

  test('sockets without HTTP', async () => {
    let site = '';
    const { origins } = await watchConnections(
      () =>
        new Promise<void>(resolve => {
          site = nextLine();
          net.connect(asked.port, '127.0.0.1', resolve);
        }),
    );

    expect(origins).toMatchObject([
      {
        name: `127.0.0.1:${asked.port}`,
        opened: [{ count: 1 }],
        requests: { fresh: 0, reused: 0 },
        callSites: [{ site, count: 1 }],
      },
    ]);
  });
});

test('two clients are enough to find their line', async () => {
  const dispatch = () => {
    const line = nextLine();
    return { line, sent: fetchOfUndici(url, { dispatcher: new Agent() }).then(response => response.text()) };
  };
  let line = '';
  const twice = () =>
    times(2, () => {
      const dispatched = dispatch();
      line = dispatched.line;
      return dispatched.sent;
    });
  const failure = await failureOf(expectReuse(twice, { opened: 1 }));

  expect(failure).toBeInstanceOf(ConnectionsWasted);
  expect(failure.name).toBe('ConnectionsWasted');
  expect(failure.message).toMatch(
    new RegExp(`^127\\.0\\.0\\.1:${asked.port}: opened 2 connections for 2 requests, at most 1 was allowed\n`),
  );
  expect(failure.message).toContain(`(${line})`);
  expect(failure.stack).toContain('live.test.ts');
});

test('a request that waits for a connection has its line, although an event of the last connection opens the next', async () => {
  const dispatcher = new Agent({ connections: 1 });
  let site = '';
  const head = () => {
    site = nextLine();
    return fetchOfUndici(url, { method: 'HEAD', dispatcher });
  };
  const { origins } = await watchConnections(() => Promise.all([1, 2, 3].map(head)));

  expect(origins[0]?.callSites).toContainEqual({ kind: 'not_reusable_method', site, count: 2 });
});

describe('a response that nobody reads', () => {
  test.each<[string, () => { line: string; sent: Promise<unknown> }]>([
    [
      'fetch',
      () => {
        const line = nextLine();
        return { line, sent: fetch(`${url}/large`) };
      },
    ],
    [
      'undici',
      () => {
        const line = nextLine();
        return { line, sent: requestOfUndici(`${url}/large`) };
      },
    ],
    [
      'node:http, however small',
      () => {
        const line = nextLine();
        return { line, sent: new Promise(resolve => http.get(url, resolve)) };
      },
    ],
  ])('%s: fails, with its line', async (_client, send) => {
    let line = '';
    const failure = await failureOf(
      expectReuse(async () => {
        const sending = send();
        ({ line } = sending);
        kept.push(await sending.sent);
      }),
    );

    expect(failure.message).toContain('left 1 response unread, none was allowed');
    expect(failure.message).toContain(`(${line})`);
  });

  test('explains a function that waits for ever, if something ends it', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    let line = '';
    const send = () => {
      line = nextLine();
      return new Promise(resolve => http.get(url, { agent }, resolve).on('error', resolve));
    };
    const failure = await failureOf(
      expectReuse(() => Promise.race([times(3, send), new Promise(resolve => setTimeout(resolve, 100))])),
    );

    expect(failure.message).toContain(`127.0.0.1:${asked.port}: left 2 responses unread`);
    expect(failure.message).toContain(`(${line})`);
    agent.destroy();
  });

  test('is allowed by a limit', async () => {
    await expect(
      expectReuse(async () => void kept.push(await fetch(`${url}/large`)), { held: 1 }),
    ).resolves.toBeUndefined();
  });

  test('counts in the test that made the request, and not in the next one', async () => {
    kept.push(await new Promise(resolve => http.get(url, { agent: new http.Agent() }, resolve)));

    await expect(expectReuse(() => ask())).resolves.toBeUndefined();
    await expect(expectReuse(() => new Promise(resolve => setTimeout(resolve, 700)))).resolves.toBeUndefined();
  });

  test('counts also if it is garbage collected', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;

    const { origins } = await watchConnections(async () => {
      await fetch(`${url}/large`);
      await vi.waitFor(
        async () => {
          collectGarbage();
          await new Promise(resolve => setImmediate(resolve));
          expect((await asked.seen()).open).toBe(0);
        },
        { timeout: 5_000 },
      );
    });

    expect(origins).toMatchObject([
      { held: 1, closed: expect.arrayContaining([{ reason: 'body_unread', count: 1 }]) }, // beside those of earlier tests
    ]);
    expect(origins[0]?.callSites).toContainEqual({
      kind: 'held',
      site: expect.stringMatching(/^test\/testing\/live\.test\.ts:\d+$/),
      count: 1,
    });
  });

  test('does not count if it is read later, but soon', async () => {
    await expect(
      expectReuse(async () => {
        const response = await fetch(`${url}/large`);
        setTimeout(() => void response.arrayBuffer(), 200);
      }),
    ).resolves.toBeUndefined();
  });
});

test('returns what the function returns, at once if nothing is unfinished', async () => {
  const started = performance.now();

  await expect(expectReuse(() => 5, { opened: 0 })).resolves.toBe(5);
  await expect(expectReuse(async () => 'a')).resolves.toBe('a');
  await expect(watchConnections(() => Promise.resolve(null))).resolves.toEqual({ result: null, origins: [] });
  expect(performance.now() - started).toBeLessThan(1_000);
});

test('throws what the function throws, and can be called again', async () => {
  const error = new Error('of the program');

  await expect(
    watchConnections(() => {
      throw error;
    }),
  ).rejects.toBe(error);
  await expect(expectReuse(() => Promise.reject(error))).rejects.toBe(error);
  await expect(expectReuse(() => 1)).resolves.toBe(1);
});

test('a connection that fails is named with its line', async () => {
  const port = await freePort();
  let line = '';
  const failure = await failureOf(
    expectReuse(
      () => {
        line = nextLine();
        return new Promise(resolve => http.get(`http://127.0.0.1:${port}`).on('error', resolve));
      },
      { failed: 0 },
    ),
  );

  expect(failure.message).toContain(`127.0.0.1:${port}: 1 connection failed (connect ECONNREFUSED), none was allowed`);
  expect(failure.message).toContain(`(${line})`);
});

test('`origin` looks at one server only', async () => {
  const other = await startServer({ kind: 'http' }, end => ends.push(end));
  const run = async () => {
    await clientPerRequest();
    await clientPerRequest();
    await fetch(`http://127.0.0.1:${other.port}`).then(response => response.text());
  };

  await expect(expectReuse(run, { opened: 1, origin: `127.0.0.1:${other.port}` })).resolves.toBeUndefined();
  await expect(expectReuse(run, { opened: 1, origin: `127.0.0.1:${asked.port}` })).rejects.toThrow(ConnectionsWasted);
  await expect(expectReuse(run, { origin: `localhost:${other.port}` })).rejects.toThrow(
    new RegExp(`got "localhost:${other.port}"; it called .*127\\.0\\.0\\.1:${other.port}`),
  );
  const { origins } = await watchConnections(run, { origin: `127.0.0.1:${other.port}` });
  expect(origins.map(({ name }) => name)).toEqual([`127.0.0.1:${other.port}`]);
});

describe('one function at a time', () => {
  test('another one is an error that names the first', async () => {
    let end = () => {};
    const line = nextLine();
    const first = watchConnections(() => new Promise<void>(resolve => (end = resolve)));

    const failure = await failureOf(expectReuse(() => 1));

    expect(failure.message).toMatch(/^connmeter: the function at \S+ is still running\. .* one after another/);
    expect(failure.message).toContain(line);
    end();
    await first;
    await expect(expectReuse(() => 1)).resolves.toBe(1);
  });

  test('also from another copy of the module', async () => {
    vi.resetModules();
    const second = await import('../../src/testing.ts');
    expect(second.expectReuse).not.toBe(expectReuse);
    let end = () => {};
    const first = watchConnections(() => new Promise<void>(resolve => (end = resolve)));

    await expect(second.expectReuse(() => 1)).rejects.toThrow('is still running');
    end();
    await first;

    const outcomes = [];
    for (const { watchConnections: watch } of [second, { watchConnections }, second])
      outcomes.push((await watch(() => times(3, clientPerRequest))).origins);
    expect(outcomes.map(([origin]) => origin?.requests)).toEqual([1, 2, 3].map(() => ({ fresh: 3, reused: 0 })));
    expect(outcomes.map(([origin]) => origin?.opened.reduce((sum, { count }) => sum + count, 0))).toEqual([3, 3, 3]);
  });
});

test('works under fake timers, whose clock stands still', async () => {
  vi.useFakeTimers();
  try {
    vi.resetModules();
    const later = await import('../../src/testing.ts');
    for (const expectIt of [expectReuse, later.expectReuse]) {
      await expect(
        expectIt(async () => void kept.push(await new Promise(resolve => http.get(url, resolve)))),
      ).rejects.toThrow('left 1 response unread');
    }
  } finally {
    vi.useRealTimers();
  }
});
