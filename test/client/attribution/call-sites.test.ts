import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test, vi } from 'vitest';
import { CallSites, describeCallSite, programFrame } from '../../../src/client/attribution/call-sites.ts';

const origin = { address: 'a.test', port: 80 };

function suspecting(enabled = true) {
  const warn = vi.fn<(message: string) => void>();
  const watch = vi.fn<(on: boolean) => void>();
  return { warn, watch, callSites: new CallSites(enabled, warn, watch) };
}

function request(callSites: CallSites, to = origin): object {
  const made = {};
  published(() => callSites.requestCreated(made, () => to));
  return made;
}

/** Calls through a channel, as clients do. */
function published(run: () => void): void {
  subscribe('connmeter.test', run);
  channel('connmeter.test').publish({});
  unsubscribe('connmeter.test', run);
}

test('no stack is captured without a suspected problem', () => {
  const { callSites, watch } = suspecting();
  const originOf = vi.fn(() => origin);

  callSites.requestCreated({}, originOf);

  expect(originOf).not.toHaveBeenCalled();
  expect(watch).not.toHaveBeenCalled();
});

test('after a held body, the stacks of the next five requests to its origin are captured', () => {
  const { callSites, watch } = suspecting();
  const unknown = request(callSites);

  expect(callSites.bodyHeld(unknown, origin)).toBe(false);
  expect(watch.mock.calls).toEqual([[true]]);

  const elsewhere = request(callSites, { address: 'b.test', port: 80 });
  const next = Array.from({ length: 6 }, () => request(callSites));

  expect(watch.mock.calls).toEqual([[true], [false]]);
  expect(next.map(each => callSites.bodyHeld(each, origin))).toEqual([true, true, true, true, true, false]);
  expect(callSites.bodyHeld(elsewhere, { address: 'b.test', port: 80 })).toBe(false);
});

test('a call site causes one warning, and further findings are counted', () => {
  const { callSites, warn } = suspecting();
  callSites.bodyHeld({}, origin);

  const held = [request(callSites), request(callSites)];
  for (const each of held) callSites.bodyHeld(each, origin);

  expect(warn).toHaveBeenCalledOnce();
  expect(warn.mock.calls[0]?.[0]).toMatch(
    /^response body of a request to a\.test:80 created at test\/client\/attribution\/call-sites\.test\.ts:\d+ was never read; it holds/,
  );
  expect(callSites.found).toMatchObject([{ problem: 'body_held', address: 'a.test', port: 80, count: 2 }]);
});

test('a call site is reported after the third new pool of an origin', () => {
  const { callSites, warn } = suspecting();

  for (let pool = 0; pool < 3; pool++) {
    expect(callSites.poolMayOpen(origin)).toBeUndefined();
    callSites.poolOpened(origin, undefined);
  }
  expect(callSites.found).toEqual([]);

  published(() => callSites.poolOpened(origin, callSites.poolMayOpen(origin)));

  expect(callSites.found).toMatchObject([{ problem: 'new_pool', count: 1 }]);
  expect(warn.mock.calls[0]?.[0]).toMatch(
    /^a request to a\.test:80 created at test\/client\/attribution\/call-sites\.test\.ts:\d+ opens a pool/,
  );
});

test('no stack is captured when call sites are off', () => {
  const { callSites, warn, watch } = suspecting(false);

  for (let i = 0; i < 5; i++) callSites.poolOpened(origin, callSites.poolMayOpen(origin));
  callSites.bodyHeld({}, origin);

  expect(callSites.found).toEqual([]);
  expect(watch).not.toHaveBeenCalled();
  expect(warn).not.toHaveBeenCalled();
});

test('the number of call sites is bounded', () => {
  const { callSites, warn } = suspecting();

  for (let i = 0; i < 1_000; i++) {
    const one = { address: `h${i}.test`, port: 80 };
    for (let pool = 0; pool < 5; pool++) callSites.poolOpened(one, callSites.poolMayOpen(one));
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
