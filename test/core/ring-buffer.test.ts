import { expect, test } from 'vitest';
import { RingBuffer } from '../../src/core/ring-buffer.ts';

test('keeps the last ones, the oldest first', () => {
  const recent = new RingBuffer<number>(3);
  const seen = [recent.all];

  for (let i = 1; i <= 7; i++) {
    recent.add(i);
    seen.push(recent.all);
  }

  expect(seen).toEqual([[], [1], [1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [4, 5, 6], [5, 6, 7]]);
});
