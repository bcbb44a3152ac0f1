import { expect, test } from 'vitest';
import { findingsByOrigin, heldFirst, type JudgedOrigin, worstFirst } from '../../../src/page/model/order.ts';
import type { Severity } from '../../../src/page/model/verdict.ts';
import { finding, live, origin } from '../fixtures.ts';

const judged = (address: string, severity: Severity, seconds = 0): JudgedOrigin => ({
  origin: origin({ address }),
  verdict: { severity, text: severity },
  seconds,
});
const orderOf = (...all: readonly JudgedOrigin[]) => worstFirst(all).map(each => each.origin.address);

test('the worst origins come first, then those that waste most, then by name', () => {
  const all = [
    judged('e', 'unused'),
    judged('d', 'good'),
    judged('b', 'good'),
    judged('c', 'watch'),
    judged('y', 'bad', 5),
    judged('z', 'bad', 50),
    judged('a', 'bad'),
  ];

  expect(orderOf(...all)).toEqual(['z', 'y', 'a', 'c', 'b', 'd', 'e']);
});

test('origins that waste about as much do not swap places', () => {
  const before = orderOf(judged('a', 'bad', 40), judged('b', 'bad', 41));
  const after = orderOf(judged('a', 'bad', 43), judged('b', 'bad', 42));

  expect(before).toEqual(after);
});

test('findings are grouped by origin, and keep their order', () => {
  const all = [finding(), finding({ port: 80 }), finding({ kind: 'goaway' })];

  expect([...findingsByOrigin(all).values()]).toEqual([[all[0], all[2]], [all[1]]]);
});

test('held connections come first, the longest held on top; then opening, active and idle ones, the oldest on top', () => {
  const all = [
    live({ state: 'idle', age: 100 }),
    live({ state: 'active', age: 1 }),
    live({ state: 'active', age: 2 }),
    live({ state: 'opening', age: 0.1 }),
    live({ state: 'active', age: 9, heldFor: 3 }),
    live({ state: 'active', age: 8, heldFor: 4 }),
  ];

  expect(heldFirst(all)).toEqual([all[5], all[4], all[3], all[2], all[1], all[0]]);
});
