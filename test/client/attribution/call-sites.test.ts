import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, test, vi } from 'vitest';
import { CallSites, describeCallSite, programFrame } from '../../../src/client/attribution/call-sites.ts';
import type { Origin } from '../../../src/core/origins.ts';

const origin = { address: 'a.test', port: 80 };
const elsewhere = { address: 'b.test', port: 80 };
/** All connections to it are held, or some of them. */
const ALL_HELD = [{ origin, allHeld: true }];
const SOME_HELD = [{ origin, allHeld: false }];

interface Created {
  readonly to: Origin;
  readonly queued: boolean;
}

const reader = {
  originOf: vi.fn(({ to }: Created) => to),
  nameOf: vi.fn(({ to }: Created) => to.address),
  isQueued: ({ queued }: Created) => queued,
};

function suspecting(enabled = true) {
  const warn = vi.fn<(message: string) => void>();
  vi.clearAllMocks();
  return { warn, callSites: new CallSites(enabled, warn) };
}

function request(callSites: CallSites, to: Origin = origin, queued = false): Created {
  const made = { to, queued };
  published(() => callSites.requestCreated(made, reader));
  return made;
}

/** A body holds the connection of a request that was created unseen. */
function held(callSites: CallSites, to: Origin = origin): boolean {
  return callSites.bodyHeld({ to, queued: false }, reader, to);
}

/** Calls through a channel, as clients do. */
function published(run: () => void): void {
  subscribe('connmeter.test', run);
  channel('connmeter.test').publish({});
  unsubscribe('connmeter.test', run);
}

test('requests are not looked at without a suspected problem', () => {
  const { callSites } = suspecting();

  request(callSites);

  expect(reader.nameOf).not.toHaveBeenCalled();
  expect(callSites.isWatching).toBe(false);
});

test('after a held body, the stacks of the next five requests to its origin are captured', () => {
  const { callSites } = suspecting();

  expect(held(callSites)).toBe(true);
  expect(callSites.isWatching).toBe(true);

  const other = request(callSites, elsewhere);
  const next = Array.from({ length: 6 }, () => request(callSites));

  expect(callSites.isWatching).toBe(false);
  for (const each of next) callSites.bodyHeld(each, reader, origin);
  callSites.bodyHeld(other, reader, elsewhere);
  expect(callSites.found).toMatchObject([{ problem: 'body_held', address: 'a.test', port: 80, count: 5 }]);
});

test('a request to another origin costs no more than its name', () => {
  const { callSites } = suspecting();
  held(callSites);
  vi.clearAllMocks();

  request(callSites, elsewhere);

  expect(reader.nameOf).toHaveBeenCalledOnce();
  expect(reader.originOf).not.toHaveBeenCalled();
});

test('a request with the same name to another origin is not checked', () => {
  const { callSites } = suspecting();
  held(callSites);

  for (let i = 0; i < 6; i++) request(callSites, { address: 'a.test', port: 81 });

  expect(callSites.isWatching).toBe(true);
});

test('a call site causes one warning, and further findings are counted', () => {
  const { callSites, warn } = suspecting();
  held(callSites);

  const made = [request(callSites), request(callSites)];
  for (const each of made) callSites.bodyHeld(each, reader, origin);

  expect(warn).toHaveBeenCalledOnce();
  expect(warn.mock.calls[0]?.[0]).toMatch(
    /^response body of a request to a\.test:80 created at test\/client\/attribution\/call-sites\.test\.ts:\d+ was never read; it holds/,
  );
  expect(callSites.found).toMatchObject([{ problem: 'body_held', address: 'a.test', port: 80, count: 2 }]);
});

describe('without requests to the origin, the search ends', () => {
  test('when no body holds a connection to it at a collection', () => {
    const { callSites } = suspecting();
    held(callSites);
    callSites.collected(SOME_HELD);

    expect(callSites.isWatching).toBe(true);

    callSites.collected([{ origin: elsewhere, allHeld: true }]);

    expect(callSites.isWatching).toBe(false);
  });

  test('after 20 collections', () => {
    const { callSites } = suspecting();
    held(callSites);
    for (let i = 0; i < 19; i++) callSites.collected(SOME_HELD);

    expect(callSites.isWatching).toBe(true);

    callSites.collected(SOME_HELD);

    expect(callSites.isWatching).toBe(false);
  });

  test('not after 20 snapshots, which may be taken often', () => {
    const { callSites } = suspecting();
    held(callSites);
    for (let i = 0; i < 50; i++) callSites.lookedAt(SOME_HELD);

    expect(callSites.isWatching).toBe(true);

    callSites.lookedAt([]);

    expect(callSites.isWatching).toBe(false);
  });

  test('after 10,000 requests to other origins', () => {
    const { callSites } = suspecting();
    held(callSites);
    for (let i = 0; i < 10_000; i++) callSites.requestCreated({ to: elsewhere, queued: false }, reader);

    expect(callSites.isWatching).toBe(true);

    callSites.requestCreated({ to: elsewhere, queued: false }, reader);

    expect(callSites.isWatching).toBe(false);
  });

  test('when requests are no longer seen', () => {
    const { callSites } = suspecting();
    held(callSites);
    callSites.pause();
    callSites.pause();

    expect(callSites.isWatching).toBe(false);
  });
});

test('five origins are watched at once, and the next ones later', () => {
  const { callSites } = suspecting();
  const hosts = Array.from({ length: 6 }, (_, i) => ({ address: `h${i}.test`, port: 80 }));

  expect(hosts.map(each => held(callSites, each))).toEqual([true, true, true, true, true, false]);

  const made = hosts.map(each => request(callSites, each));
  for (const each of made.slice(0, 5)) callSites.bodyHeld(each, reader, each.to);

  expect(callSites.found.map(({ address }) => address)).toEqual(hosts.slice(0, 5).map(({ address }) => address));

  callSites.collected([]);

  expect(held(callSites, hosts[5])).toBe(true);
});

describe('when unread bodies hold all connections', () => {
  test('the lines whose requests wait are named, because no request is sent any more', () => {
    const { callSites, warn } = suspecting();
    held(callSites);
    callSites.collected(ALL_HELD);

    for (let i = 0; i < 2; i++) request(callSites, origin, true);

    expect(warn).toHaveBeenCalledOnce();
    expect(warn.mock.calls[0]?.[0]).toMatch(
      /^a request to a\.test:80 created at test\/client\/attribution\/call-sites\.test\.ts:\d+ waits, because unread response bodies hold all/,
    );
    expect(callSites.found).toMatchObject([{ problem: 'pool_held', address: 'a.test', port: 80, count: 2 }]);
  });

  test('a snapshot finds that as well as a collection', () => {
    const { callSites } = suspecting();
    held(callSites);
    callSites.lookedAt(ALL_HELD);

    request(callSites, origin, true);

    expect(callSites.found).toMatchObject([{ problem: 'pool_held', count: 1 }]);
  });

  test.each([
    ['a request that does not wait', ALL_HELD, false],
    ['a request that waits while other connections are in use', SOME_HELD, true],
  ])('%s is not named', (_what, collection, queued) => {
    const { callSites } = suspecting();
    held(callSites);
    callSites.collected(collection);

    request(callSites, origin, queued);

    expect(callSites.found).toEqual([]);
  });
});

test('a call site is reported after the third new pool of an origin', () => {
  const { callSites, warn } = suspecting();

  for (let pool = 0; pool < 3; pool++) {
    expect(callSites.attempted(origin)).toBeUndefined();
    callSites.opened(origin, 'new_pool', undefined);
  }
  expect(callSites.found).toEqual([]);

  published(() => callSites.opened(origin, 'new_pool', callSites.attempted(origin)));

  expect(callSites.found).toMatchObject([{ problem: 'new_pool', count: 1 }]);
  expect(warn.mock.calls[0]?.[0]).toMatch(
    /^a request to a\.test:80 created at test\/client\/attribution\/call-sites\.test\.ts:\d+ opens a pool/,
  );
});

test('no stack is captured when call sites are off', () => {
  const { callSites, warn } = suspecting(false);

  for (let i = 0; i < 5; i++) callSites.opened(origin, 'new_pool', callSites.attempted(origin));
  held(callSites);
  request(callSites);

  expect(callSites.found).toEqual([]);
  expect(callSites.isWatching).toBe(false);
  expect(warn).not.toHaveBeenCalled();
});

test('the number of call sites is bounded', () => {
  const { callSites, warn } = suspecting();

  for (let i = 0; i < 1_000; i++) {
    const one = { address: `h${i}.test`, port: 80 };
    for (let pool = 0; pool < 5; pool++) callSites.opened(one, 'new_pool', callSites.attempted(one));
  }

  expect(callSites.found).toHaveLength(50);
  expect(warn).toHaveBeenCalledTimes(50);
});

test.each([
  [
    'the program before packages',
    ['node:internal/x', '/app/node_modules/got/a.js', '/app/src/pay.ts'],
    '/app/src/pay.ts:3',
  ],
  [
    'the outermost package where there is no program',
    ['node:net', '/app/node_modules/got/a.js'],
    '/app/node_modules/got/a.js:2',
  ],
  ['a file URL as a path', ['file:///app/src/pay.mjs'], '/app/src/pay.mjs:1'],
  [
    'what is beyond the channel',
    ['/app/bundle.js', 'node:diagnostics_channel', 'node:net', '/app/bundle.js'],
    '/app/bundle.js:4',
  ],
  [
    'neither a module that is its own text, nor one from the network',
    [
      'data:text/javascript,key="hunter2"',
      'blob:hunter2',
      'https://user:hunter2@a.test/x.mjs?hunter2',
      '/app/src/pay.ts',
    ],
    '/app/src/pay.ts:4',
  ],
  ['the path of a bundler, and no more', ['webpack://user:hunter2@app/src/pay.ts?a#b'], 'webpack://app/src/pay.ts:1'],
  ['a file without its query', ['file:///app/src/pay.mjs?token=hunter2#a'], '/app/src/pay.mjs:1'],
  ['a legible name', ['/app/a\n\x1b[31m.ts'], '/app/a\ufffd\ufffd[31m.ts:1'],
  ['the end of a long one', [`/${'x'.repeat(1_000)}/pay.ts`], `${'x'.repeat(248)}/pay.ts:1`],
  ['nothing', ['node:net', 'evalmachine.<anonymous>', ''], undefined],
])('picks %s', (_what, scripts, site) => {
  expect(programFrame(scripts.map((scriptName, i) => ({ scriptName, lineNumber: i + 1 })))).toBe(site);
});

test('a call site below the working directory has a relative path', () => {
  expect(programFrame([{ scriptName: `${process.cwd()}/src/pay.ts`, lineNumber: 42 }])).toBe('src/pay.ts:42');
});

test('IPv6 addresses are in brackets', () => {
  expect(describeCallSite({ problem: 'new_pool', address: '::1', port: 80, site: 'a.ts:1', count: 3 })).toContain(
    'to [::1]:80 ',
  );
});
