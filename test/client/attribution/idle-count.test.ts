import { expect, test } from 'vitest';
import { IdleCount } from '../../../src/client/attribution/idle-count.ts';
import { WaitingAttempts } from '../../../src/client/attribution/waiting-attempts.ts';

test('the count at an attempt is the one before the first change after it', () => {
  const idle = new IdleCount();
  idle.change(1, undefined);
  idle.change(1, 5);
  idle.change(-1, 5);
  idle.change(-1, 8);

  expect([4, 5, 6, 8, 9].map(order => idle.at(order))).toEqual([1, 1, 1, 1, 0]);
});

test('256 changes are remembered', () => {
  const idle = new IdleCount();
  for (let order = 1; order <= 256; order++) idle.change(1, order);

  expect(idle.at(1)).toBe(0);

  idle.change(1, 257);

  expect(idle.at(1)).toBe(1);
});

test('the latest attempt counts as long as any of them waits', () => {
  const waiting = new WaitingAttempts();

  expect(waiting.latest).toBeUndefined();

  waiting.add(3);
  waiting.add(7);
  waiting.remove();

  expect(waiting.latest).toBe(7);

  waiting.remove();

  expect(waiting.latest).toBeUndefined();
});
