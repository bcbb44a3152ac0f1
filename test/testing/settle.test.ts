import { expect, test } from 'vitest';
import type { InProgress } from '../../src/client/in-progress.ts';
import { settle } from '../../src/testing/settle.ts';

const NOTHING: InProgress = { requests: [], opening: [] };
const origin = { address: 'a.test', port: 80 };

function request(isHeld: boolean, name = {}): InProgress {
  return { requests: [{ request: name, origin, isHeld }], opening: [] };
}

/** Shows these, one after the other, and then the last one. Returns how often it was asked. */
async function looks(states: readonly InProgress[]): Promise<number> {
  let asked = 0;
  await settle(() => states[asked++] ?? (states.at(-1) as InProgress));
  return asked;
}

/** Looks that give clients the time to take their connections back, and the one that finds nothing left. */
const LEAST = 4;

test('waits for nothing if nothing is in progress', async () => {
  expect(await looks([NOTHING])).toBe(LEAST);
});

test('waits until a response is known to be unread', async () => {
  const name = {};

  expect(await looks([...Array.from({ length: 9 }, () => request(false, name)), request(true, name)])).toBe(10);
});

test('waits until a request is over', async () => {
  expect(await looks([...Array.from({ length: 6 }, () => request(false)), NOTHING])).toBe(7);
});

test('waits for a connection that is being opened', async () => {
  expect(await looks([...Array.from({ length: 6 }, () => ({ requests: [], opening: [{}] })), NOTHING])).toBe(7);
});

test('gives up after 1.2 s', async () => {
  const started = performance.now();

  await looks([request(false)]);

  expect(performance.now() - started).toBeGreaterThan(1_150);
  expect(performance.now() - started).toBeLessThan(3_000);
});
