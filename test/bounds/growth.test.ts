// What an event costs must not depend on how much else there is: a service with 10,000 connections has the most to lose.
import { expect, test } from 'vitest';
import type { GrowthTask } from './programs/growth.ts';
import { runProgram } from './run-program.ts';

/** A walk over all of them is a ratio of ten, as a trial showed. The rest is caches and garbage collections. */
const MOST = 5;

test.for<GrowthTask>([
  { client: 'undici', many: 'connections' },
  { client: 'http', many: 'connections' },
  { client: 'http', many: 'origins' },
  { client: 'http', many: 'agents' },
])('a connection costs as much beside many $many as beside few: $client', async task => {
  const { ratio, live } = await runProgram<{ ratio: number; live: number }>('growth.ts', task);

  expect(live).toBeGreaterThanOrEqual(1_000); // the surroundings were there
  expect(ratio).toBeLessThan(MOST);
});
