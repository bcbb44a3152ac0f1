import { expect, test } from 'vitest';
import { server } from '../support/server.ts';
import type { LeftInHeap } from './programs/heap-after-requests.ts';
import { runProgram, startServers } from './run-program.ts';

/** Objects of finished requests that are still in the heap while their connections are open and nothing scrapes. */
async function left(measured: boolean): Promise<LeftInHeap> {
  const [servers, silent] = await Promise.all([startServers(), server({ kind: 'silent' })]);
  return runProgram('heap-after-requests.ts', { measured, ...servers, silent: silent.port });
}

test('a finished request is released while its connection stays open and nothing scrapes', async () => {
  const [without, within] = await Promise.all([left(false), left(true)]);
  console.log(
    Object.entries(within)
      .map(([u, { made, left }]) => `${u}: ${made} ${without[u]?.left} ${left}`)
      .join('\n'),
  );
  const more = Object.entries(within).map(([use, { left: kept }]) => [use, kept - (without[use]?.left ?? 0)] as const);

  expect(Object.values(within).every(({ made }) => made >= 20)).toBe(true);
  expect(Object.fromEntries(more.filter(([, kept]) => kept > 0))).toEqual({});
}, 120_000);
