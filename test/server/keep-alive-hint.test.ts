import { expect, test } from 'vitest';
import { leftBecauseOfHint, marginOf } from '../../src/server/keep-alive-hint.ts';

const FETCH = marginOf('connection');
const NODE_HTTP = marginOf('Connection');

test.each([
  ['fetch leaves 2 s before the end of a hint of 5 s', FETCH, 5, 3],
  ['also with 0.4 s of network and of a busy event loop', FETCH, 5, 3.4],
  ['fetch, of a hint of 3 s', FETCH, 3, 1],
  ['fetch leaves at once if nothing is left of the hint', FETCH, 2, 0.01],
  ['the same with a hint of 0 s', FETCH, 0, 0.01],
  ['node:http leaves 1 s before the end', NODE_HTTP, 5, 4],
  ['node:http, of a hint of 2 s', NODE_HTTP, 2, 1],
  ['node:http leaves at once if nothing is left of the hint', NODE_HTTP, 1, 0.01],
  ['the longest hint that is short', FETCH, 30, 28],
])('because of the hint: %s', (_what, margin, hint, idle) => {
  expect(leftBecauseOfHint({ hint, margin, idle })).toBe(true);
});

test.each([
  ['fetch at the time of node:http', FETCH, 5, 4],
  ['node:http at the time of fetch', NODE_HTTP, 5, 3],
  ['at once, although some of the hint is left', FETCH, 3, 0.01],
  ['node:http at once, although some of the hint is left', NODE_HTTP, 2, 0.01],
  ['long before', FETCH, 5, 0.5],
  ['shortly before', FETCH, 5, 2.8],
  ['later', FETCH, 5, 3.6],
  ['after the hint', FETCH, 5, 20],
  ['of a hint that is long enough', FETCH, 65, 63],
  ['without a hint', FETCH, Number.NaN, 3],
  ['without a response', FETCH, 5, Number.NaN],
  ['a client that did not ask to keep the connection', Number.NaN, 5, 3],
])('not because of the hint: %s', (_what, margin, hint, idle) => {
  expect(leftBecauseOfHint({ hint, margin, idle })).toBe(false);
});
