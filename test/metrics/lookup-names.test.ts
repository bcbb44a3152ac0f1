import { expect, test } from 'vitest';
import { LookupNames } from '../../src/metrics/lookup-names.ts';

function labelsOf(names: LookupNames, by: Parameters<LookupNames['labelOf']>[1], asked: readonly unknown[]): string[] {
  return asked.map(name => names.labelOf(name, by));
}

test('later names share one label', () => {
  const names = new LookupNames(2);

  expect(labelsOf(names, 'connection', ['a', 'b', 'c', 'A', 'd'])).toEqual(['a', 'b', '_OTHER', 'a', '_OTHER']);
});

test('names without a connection use a quarter of the places, for lookups and for queries', () => {
  const names = new LookupNames(8);

  expect(labelsOf(names, 'query', ['a', 'b', 'c'])).toEqual(['a', 'b', '_OTHER']);
  expect(labelsOf(names, 'lookup', ['d', 'e', 'f', 'a'])).toEqual(['d', 'e', '_OTHER', 'a']);
  expect(
    labelsOf(
      names,
      'connection',
      Array.from({ length: 9 }, (_, i) => `n${i}`),
    ).at(-1),
  ).toBe('_OTHER');
  expect(
    labelsOf(
      names,
      'connection',
      Array.from({ length: 8 }, (_, i) => `n${i}`),
    ),
  ).not.toContain('_OTHER');
});

test('a connection to a name that was looked up before uses a place, and a query for a known name uses none', () => {
  const names = new LookupNames(4);

  expect(labelsOf(names, 'query', ['a'])).toEqual(['a']);
  expect(labelsOf(names, 'connection', ['a', 'b', 'c', 'd', 'e'])).toEqual(['a', 'b', 'c', 'd', '_OTHER']);
  expect(labelsOf(names, 'lookup', ['b', 'x', 'y'])).toEqual(['b', 'x', '_OTHER']);
});

test('an invalid name is unknown', () => {
  expect(labelsOf(new LookupNames(4), 'lookup', [5, null, {}, 'https://a.test/'])).toEqual(Array(4).fill('unknown'));
});
