import { expect, test } from 'vitest';
import { IdleLimit } from '../../src/metrics/idle-limit.ts';
import { parseAborts } from '../../src/metrics/parse-aborts.ts';

function learnedFrom(ages: readonly number[]) {
  const limit = new IdleLimit();
  for (const age of ages) limit.add(age);
  return limit.learned;
}

const twenty = (age: number) => Array<number>(20).fill(age);

test('a limit is learned from 20 closes, not from 19', () => {
  expect(learnedFrom(twenty(5).slice(1))).toBeUndefined();
  expect(learnedFrom(twenty(5))).toEqual({ seconds: 5, observations: 20 });
});

test('a quarter of the closes may have another cause', () => {
  expect(learnedFrom([...twenty(5), 0.1, 0.2, 0.3, 1, 2, 90])).toMatchObject({ seconds: 5 });
});

test('closes at any age show no limit', () => {
  expect(learnedFrom(Array.from({ length: 30 }, (_, i) => i))).toBeUndefined();
});

test('only the latest 32 closes count: a limit may change', () => {
  expect(learnedFrom([...twenty(5), ...Array<number>(32).fill(60)])).toEqual({ seconds: 60, observations: 52 });
});

test('closes that come late after the limit show its low end', () => {
  expect(learnedFrom([...twenty(5), ...Array<number>(10).fill(5.9)])).toMatchObject({ seconds: 5 });
});

test('aborts are read from the kernel’s table', () => {
  const table = 'TcpExt: A TCPAbortOnData TCPAbortOnClose B\nTcpExt: 1 22 333 4\nIpExt: A\nIpExt: 9\n';

  expect(parseAborts(table)).toEqual({ unread: 333, late: 22 });
  expect(parseAborts('IpExt: A\nIpExt: 9\n')).toBeUndefined();
  expect(parseAborts(table.replace('333', 'x'))).toBeUndefined();
  expect(parseAborts('')).toBeUndefined();
});
