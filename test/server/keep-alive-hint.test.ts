import { expect, test } from 'vitest';
import { leftBecauseOfHint } from '../../src/server/keep-alive-hint.ts';

const NODE_DEFAULT = { hint: 5, asksKeepAlive: true };

test.each([
  ['fetch', 3],
  ['fetch, with 0.4 s of network and of a busy event loop', 3.4],
  ['node:http', 4],
  ['a client that takes the hint literally', 5.01],
])('a client that follows the hint of 5 s leaves because of it: %s, after %d s', (_who, idle) => {
  expect(leftBecauseOfHint({ ...NODE_DEFAULT, idle })).toBe(true);
});

test.each([0, 0.5, 1, 2, 2.8, 3.6, 5.6, 20])('a client that leaves after %d s does not follow a hint of 5 s', idle => {
  expect(leftBecauseOfHint({ ...NODE_DEFAULT, idle })).toBe(false);
});

test.each([
  [0, 0.01],
  [1, 0.01],
  [2, 0.01],
  [2, 1],
  [3, 1],
  [30, 28],
])('of a hint of %d s, a client leaves after %d s', (hint, idle) => {
  expect(leftBecauseOfHint({ hint, idle, asksKeepAlive: true })).toBe(true);
});

test.each([
  [2, 0.7],
  [3, 0.01],
  [3, 0.5],
  [4, 1],
])('a client that leaves after less than a hint of %d s allows, after %d s, has its own reason', (hint, idle) => {
  expect(leftBecauseOfHint({ hint, idle, asksKeepAlive: true })).toBe(false);
});

test('a hint above 30 s is long enough', () => {
  expect(leftBecauseOfHint({ hint: 65, idle: 63, asksKeepAlive: true })).toBe(false);
});

test('without a hint, or of a client that did not ask to keep the connection, nothing is concluded', () => {
  expect(leftBecauseOfHint({ hint: Number.NaN, idle: 3, asksKeepAlive: true })).toBe(false);
  expect(leftBecauseOfHint({ hint: 5, idle: Number.NaN, asksKeepAlive: true })).toBe(false);
  expect(leftBecauseOfHint({ hint: 5, idle: 3, asksKeepAlive: false })).toBe(false);
});
