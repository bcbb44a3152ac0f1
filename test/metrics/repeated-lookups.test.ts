import { expect, test } from 'vitest';
import { RepeatedLookups } from '../../src/metrics/repeated-lookups.ts';

function repeatedBy(...lookups: readonly (readonly [name: string, started: number])[]) {
  const repeated = new RepeatedLookups();
  for (const [name, started] of lookups) repeated.add(name, started);
  return repeated.all.map(({ attributes, value }) => [attributes['connmeter.dns.within'], value]);
}

test('the first lookup of a name is not repeated, and others count for the time since the last one', () => {
  expect(repeatedBy(['a', 0], ['b', 0.5], ['a', 1], ['a', 20], ['a', 50], ['a', 81])).toEqual([
    ['1s', 1],
    ['30s', 3],
  ]);
});

test('the latest 1,000 names are remembered', () => {
  const names = Array.from({ length: 1_001 }, (_, i) => [`n${i}`, 0] as const);

  expect(repeatedBy(...names, ['n0', 0], ['n1000', 0])).toEqual([
    ['1s', 1],
    ['30s', 1],
  ]);
});
