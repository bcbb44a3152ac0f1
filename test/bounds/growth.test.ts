// What an event costs must not depend on how much else there is: a service with 10,000 connections has the most to lose.
import { expect, test } from 'vitest';
import type { Growth, GrowthTask } from './programs/growth.ts';
import { runProgram } from './run-program.ts';

/** A walk over all of them is a ratio of ten, as a trial showed. The rest is caches and garbage collections. */
const MOST = 5;

test.for<GrowthTask>([
  'a connection of undici, open connections',
  'a connection of node:http, open connections',
  'a connection of node:http, origins',
  'a connection of node:http, agents',
  'a request of undici, pipelined requests',
  'an accepted connection, accepted connections',
])('%s: beside many it costs as much as beside few', async task => {
  const { ratio, many } = await runProgram<Growth>('growth.ts', task);

  expect(many).toBeGreaterThanOrEqual(1_000); // the surroundings were there
  expect(ratio).toBeLessThan(MOST);
});
