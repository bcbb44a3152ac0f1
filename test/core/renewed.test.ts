import { expect, test } from 'vitest';
import { RenewedMap, RenewedSet } from '../../src/core/renewed.ts';

test('a map keeps its entries and their order, however many came and went', () => {
  const map = new RenewedMap<number, string>();
  map.set(-1, 'first');
  for (let n = 0; n < 1_000; n++) {
    map.set(n, `${n}`);
    if (n % 10 !== 0) expect(map.delete(n)).toBe(true);
  }

  expect(map.size).toBe(101);
  expect(map.get(990)).toBe('990');
  expect(map.get(991)).toBeUndefined();
  expect(map.delete(991)).toBe(false);
  expect([...map.values()].slice(0, 3)).toEqual(['first', '0', '10']);
  expect([...map.keys()].at(-1)).toBe(990);
  expect([...map.entries()][1]).toEqual([0, '0']);
});

test('entries can be deleted while all are looked at', () => {
  const map = new RenewedMap<number, number>();
  for (let n = 0; n < 500; n++) map.set(n, n);
  const seen = [];
  for (const n of map.values()) {
    seen.push(n);
    map.delete(n);
  }

  expect(seen).toHaveLength(500);
  expect(map.size).toBe(0);
});

test('a map that is cleared is empty', () => {
  const map = new RenewedMap<string, number>();
  map.set('a', 1);
  map.clear();

  expect(map.size).toBe(0);
  expect(map.get('a')).toBeUndefined();
});

test('a set has each value once', () => {
  const set = new RenewedSet<string>();
  for (const value of ['a', 'b', 'a', 'c']) set.add(value);
  set.delete('b');

  expect([...set]).toEqual(['a', 'c']);
  expect(set.size).toBe(2);
  set.clear();
  expect(set.size).toBe(0);
});
