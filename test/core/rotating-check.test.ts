import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { RotatingCheck } from '../../src/core/rotating-check.ts';

function filled(count: number): Map<object, number> {
  return new Map(Array.from({ length: count }, (_, i) => [{}, i]));
}

test.each([1, 2, 5, 16, 17, 100])('of %i entries each comes up in turn, again and again', count => {
  const seen: number[] = [];
  const patrol = new RotatingCheck(filled(count), entry => seen.push(entry));

  for (let i = 0; i < count; i++) patrol.checkSome();

  const times = Array.from({ length: count }, (_, i) => seen.filter(entry => entry === i).length);
  expect(Math.min(...times)).toBeGreaterThan(0);
  expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
});

test.each([10, 100])('of %i entries no more than three are looked at each time', count => {
  let looks = 0;
  const patrol = new RotatingCheck(filled(count), () => looks++);

  patrol.checkSome();

  expect(looks).toBeLessThanOrEqual(3);
});

test.each([10, 100])('of %i entries all are found, though each look deletes one and others come', count => {
  const map = filled(count);
  const keys = [...map.keys()];
  const patrol = new RotatingCheck(map, entry => {
    map.delete(keys[entry] as object);
    patrol.entryDeleted();
  });

  for (let i = 0; i < 3 * count; i++) patrol.checkSome();

  expect(map.size).toBe(0);
});

test.each([
  [10, 0],
  [1_000, 20],
])('of %i entries none is kept once it is deleted; %i stay', async (count, left) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const map = new Map<object, object>();
  const refs = Array.from({ length: count }, () => {
    const entry = {};
    map.set(entry, entry);
    return new WeakRef(entry);
  });
  const patrol = new RotatingCheck(map, () => {});
  patrol.checkSome();

  [...map.keys()].slice(left).forEach(key => {
    map.delete(key);
    patrol.entryDeleted();
  });
  await new Promise(resolve => setTimeout(resolve, 10));
  collectGarbage();

  expect(refs.filter(ref => ref.deref() !== undefined)).toHaveLength(left);
  patrol.checkSome();
});
