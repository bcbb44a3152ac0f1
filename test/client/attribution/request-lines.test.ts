import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test, vi } from 'vitest';
import { CallSites } from '../../../src/client/attribution/call-sites.ts';
import { framesOf, RequestLines } from '../../../src/client/attribution/request-lines.ts';

const origin = { address: 'a.test', port: 80 };
const reader = { originOf: () => origin, nameOf: () => 'a.test', isQueued: () => false };
const HERE = /^test\/client\/attribution\/request-lines\.test\.ts:\d+$/;

function withLines() {
  const lines = new RequestLines();
  lines.record();
  return { lines, callSites: new CallSites(true, () => {}, undefined, { lines }) };
}

/** Calls through a channel, as clients do. `publish`: the line that is found. */
function published(run: () => void, publish = () => channel('connmeter.test').publish({})): void {
  subscribe('connmeter.test', run);
  publish();
  unsubscribe('connmeter.test', run);
}

/** The kinds and lines of what was counted. */
function told(lines: RequestLines) {
  return lines.take().opened.map(({ kind, line }) => [kind, line()]);
}

test('the line of the first request is known, so the first held body has its line', () => {
  const { lines, callSites } = withLines();
  const request = {};

  published(() => callSites.requestCreated(request, reader));

  expect(lines.of(request)).toMatch(HERE);
  expect(callSites.bodyHeld(request, reader, origin)).toBe(true);
  expect(callSites.found).toMatchObject([{ problem: 'body_held', site: expect.stringMatching(HERE), count: 1 }]);
});

test('a held body whose request was not seen has no line', () => {
  const { lines, callSites } = withLines();

  callSites.bodyHeld({}, reader, origin);

  expect(lines.of({})).toBeUndefined();
  expect(callSites.found).toEqual([]);
});

test('without it, no stack is taken for the first requests', () => {
  const callSites = new CallSites(true, () => {});
  const request = {};
  published(() => callSites.requestCreated(request, reader));

  callSites.bodyHeld(request, reader, origin);

  expect(callSites.lines).toBeUndefined();
  expect(callSites.found).toEqual([]);
});

test('a connection has the line of its attempt, or better that of its first request', () => {
  const { lines } = withLines();
  const [alone, used, request, unseen] = [{}, {}, {}, {}];
  published(
    () => lines.created(request),
    () => channel('connmeter.test').publish({}),
  );
  published(() => lines.attempted(alone));
  published(() => lines.attempted(used));
  lines.sentFirst(used, request);
  lines.sentFirst(alone, unseen);

  lines.counted(alone, origin, 'first');
  lines.counted(used, origin, 'new_pool');
  lines.counted({}, origin, 'unknown');

  const [first, second, third] = told(lines);
  expect([first, second, third]).toEqual([
    ['first', expect.stringMatching(HERE)],
    ['new_pool', lines.of(request)],
    ['unknown', undefined],
  ]);
  expect(first?.[1]).not.toBe(second?.[1]);
});

test('only what is counted while it records is kept, and only once', () => {
  const lines = new RequestLines();
  lines.counted({}, origin, 'first');
  lines.bodyCollected({}, origin);

  expect(lines.take()).toEqual({ opened: [], collected: [] });

  lines.record();
  const request = {};
  lines.created(request);
  lines.counted({}, origin, 'new_pool');
  lines.bodyCollected(request, origin);

  expect(lines.take()).toMatchObject({ opened: [{ kind: 'new_pool' }], collected: [{ origin }] });

  lines.counted({}, origin, 'pool_busy');

  expect(lines.take()).toEqual({ opened: [], collected: [] });
});

test('what began before it records is not of that time', () => {
  const lines = new RequestLines();
  const [before, request, connection, after] = [{}, {}, {}, {}];
  lines.created(before);
  lines.record();
  lines.created(request);
  lines.attempted(connection);
  lines.bodyCollected(before, origin);

  expect([before, request, connection].map(each => lines.hasRecorded(each))).toEqual([false, true, true]);
  expect(lines.take().collected).toEqual([]);

  lines.created(after);

  expect([request, after].map(each => lines.hasRecorded(each))).toEqual([false, false]);
});

test('the limit of stacks is as before', () => {
  const { stackTraceLimit } = Error;

  withLines().lines.created({});

  expect(Error.stackTraceLimit).toBe(stackTraceLimit);
});

test('a stack that the program writes in its own way falls back to the compiled line', () => {
  const { lines } = withLines();
  const request = {};
  published(() => lines.created(request));
  const prepare = vi.spyOn(Error, 'prepareStackTrace').mockReturnValue([]);

  expect(lines.of(request)).toMatch(HERE);

  prepare.mockRestore();
});

test('reads the files and lines of a stack', () => {
  const stack = [
    'Error: a (b.ts:1:2)',
    '    at pay (file:///app/src/pay.mjs:12:26)',
    '    at async Promise.all (index 0)',
    '    at Object.<anonymous> (/app/test/a b.test.js:7:9)',
    '    at async /app/test/pay.test.ts:10:9',
    '    at new Client (node:internal/x:1:2)',
    '    at Channel.publish (node:diagnostics_channel:159:9)',
  ].join('\n');

  expect(framesOf(stack).map(({ scriptName, lineNumber }) => [scriptName, lineNumber])).toEqual([
    ['file:///app/src/pay.mjs', 12],
    ['/app/test/a b.test.js', 7],
    ['/app/test/pay.test.ts', 10],
    ['node:internal/x', 1],
    ['node:diagnostics_channel', 159],
  ]);
  expect(framesOf(undefined)).toEqual([]);
});
