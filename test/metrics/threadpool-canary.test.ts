import { pbkdf2 } from 'node:crypto';
import { expect, test } from 'vitest';
import { guardWith } from '../../src/core/guard.ts';
import { ThreadPoolCanary } from '../../src/metrics/threadpool-canary.ts';

const now = () => performance.now() / 1000;

function canary() {
  return new ThreadPoolCanary(
    guardWith((_where, error) => {
      throw error;
    }),
    now,
  );
}

test('a free thread pool answers within milliseconds', async () => {
  const { delay } = canary();

  expect(delay).toBeUndefined();

  const measured = canary();
  measured.send();

  await expect.poll(() => measured.delay ?? 9).toBeLessThan(0.1);
});

test('a busy thread pool shows its delay before it has answered, and after that', async () => {
  const began = now();
  const work = Array.from(
    { length: 8 },
    () => new Promise(resolve => pbkdf2('a', 'b', 400_000, 32, 'sha512', resolve)),
  );
  const measured = canary();
  measured.send();
  const sent = now();
  await new Promise(resolve => setTimeout(resolve, 50));
  measured.send(); // one is on its way

  expect(measured.delay).toBeGreaterThan(0.045);

  await Promise.all(work);
  await expect.poll(() => measured.delay ?? 0).toBeGreaterThan((now() - began) / 4);
  const { delay = 0 } = measured;
  await new Promise(resolve => setTimeout(resolve, 50));

  expect(measured.delay).toBe(delay);
  expect(delay).toBeLessThan(now() - sent);
});
