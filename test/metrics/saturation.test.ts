import { expect, test } from 'vitest';
import { Saturation } from '../../src/metrics/saturation.ts';

function saturation() {
  const seconds = { attributes: {}, value: 0 };
  return { seconds, queue: new Saturation(seconds) };
}

test('time in which several requests wait counts once', () => {
  const { queue, seconds } = saturation();
  queue.began(10);
  queue.began(11);
  queue.ended(12);
  expect(queue.waiting).toBe(1);
  queue.ended(15);

  expect(seconds.value).toBe(5);
  expect(queue.waiting).toBe(0);
});

test('a collection adds the time so far, and the rest comes later', () => {
  const { queue, seconds } = saturation();
  queue.began(10);
  queue.collected(13);
  expect(seconds.value).toBe(3);
  queue.collected(14);
  queue.ended(16);
  queue.collected(20);

  expect(seconds.value).toBe(6);
});

type Wait = [from: number, to: number];

test.each<[string, Wait, Wait, number]>([
  ['one after the other', [0, 1], [2, 4], 3],
  ['that touch', [0, 2], [2, 4], 4],
  ['that overlap', [0, 3], [1, 4], 4],
  ['of which one is inside the other', [0, 4], [1, 2], 4],
  ['that are the same', [1, 3], [1, 3], 2],
])('waits that are told afterwards, %s', (_how, first, second, expected) => {
  const { queue, seconds } = saturation();
  queue.waited(...first);
  queue.waited(...second);

  expect(seconds.value).toBe(expected);
});
