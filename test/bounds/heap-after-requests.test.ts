import { expect, test } from 'vitest';
import { server } from '../support/server.ts';
import type { Outcome } from './programs/heap-after-requests.ts';
import { runProgram, startServers } from './run-program.ts';

/** What is left in the heap of finished requests while their connections are open and nothing scrapes. */
async function outcome(measured: boolean): Promise<Outcome> {
  const [servers, silent] = await Promise.all([startServers(), server({ kind: 'silent' })]);
  return runProgram('heap-after-requests.ts', { measured, ...servers, silent: silent.port });
}

test('a finished request is released while its connection stays open and nothing scrapes', async () => {
  const [without, within] = await Promise.all([outcome(false), outcome(true)]);
  const more = Object.entries(within.uses).map(
    ([use, { left }]) => [use, left - (without.uses[use]?.left ?? 0)] as const,
  );

  expect(Object.values(within.uses).every(({ made }) => made >= 20)).toBe(true);
  expect(Object.fromEntries(more.filter(([, left]) => left > 0))).toEqual({});
  expect([without.headers, within.headers].map(kB => kB < 500)).toEqual([true, true]);
}, 120_000);
