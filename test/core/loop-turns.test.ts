import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LoopTurns } from '../../src/core/loop-turns.ts';

test('turns are counted while somebody watches, and no longer', async () => {
  const turns = new LoopTurns();
  await wait(100);
  expect(turns.now).toBe(0);

  turns.watch(3);
  await expect.poll(() => turns.now).toBe(3);
  await wait(100);
  expect(turns.now).toBe(3);
});

test('a turn that takes long counts once', async () => {
  const turns = new LoopTurns();
  turns.watch(4);
  for (const until = performance.now() + 300; performance.now() < until; );
  await wait(1);

  expect(turns.now).toBeLessThanOrEqual(1);
});

test('whoever watches anew gets as many turns from then on', async () => {
  const turns = new LoopTurns();
  turns.watch(3);
  await expect.poll(() => turns.now, { interval: 1 }).toBeGreaterThanOrEqual(2);
  const before = turns.now;
  turns.watch(3);

  await expect.poll(() => turns.now).toBe(before + 3);
});
