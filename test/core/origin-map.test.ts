import { expect, test } from 'vitest';
import { OriginMap } from '../../src/core/origin-map.ts';

const at = (address: string, port?: number) => ({ address, port });

test('a value belongs to an address and a port, or to none', () => {
  const map = new OriginMap<string>();
  map.set(at('a.test', 80), 'first');
  map.set(at('a.test', 81), 'second');
  map.set(at('/tmp/socket'), 'third');
  map.set(at('a.test', 80), 'again');

  expect(map.size).toBe(3);
  expect(map.get({ address: 'a.test', port: 80 })).toBe('again');
  expect(map.get(at('/tmp/socket'))).toBe('third');
  expect(map.get(at('a.test'))).toBeUndefined();
  expect(map.get(at('b.test', 80))).toBeUndefined();
  expect([map.has(at('a.test', 81)), map.has(at('a.test', 82))]).toEqual([true, false]);
});

test('a deleted value is gone, and leaves nothing behind', () => {
  const map = new OriginMap<number>();
  for (const port of [1, 2]) map.set(at('a.test', port), port);

  map.delete(at('a.test', 1));
  map.delete(at('a.test', 1));
  map.delete(at('b.test', 1));

  expect(map.size).toBe(1);
  expect([...map]).toEqual([[at('a.test', 2), 2]]);
  map.delete(at('a.test', 2));
  expect([map.size, [...map]]).toEqual([0, []]);
});

test('the oldest address comes first', () => {
  const map = new OriginMap<number>();
  for (const [address, port] of [
    ['b.test', 2],
    ['a.test', 1],
    ['b.test', 1],
  ] as const)
    map.set(at(address, port), port);

  expect([...map].map(([{ address, port }]) => `${address} ${port}`)).toEqual(['b.test 2', 'b.test 1', 'a.test 1']);
});
