import { expect, test } from 'vitest';
import { server } from '../support/server.ts';
import type { HeapAfterClose } from './programs/heap-after-close.ts';
import { runProgram, startServers } from './run-program.ts';

/** Sockets, sessions, requests and responses of the program that are still in the heap. */
async function kept(measured: boolean): Promise<HeapAfterClose> {
  const [servers, tcp] = await Promise.all([startServers(), server({ kind: 'tcp' })]);
  return runProgram('heap-after-close.ts', { measured, ...servers, tcp: tcp.port });
}

/** How many more are left than without connmeter; the others are kept by Node or undici. */
function more(within: Record<string, number>, without: Record<string, number>): Record<string, number> {
  const excess = Object.entries(within).map(
    ([name, count]) => [name, count - Math.max(0, without[name] ?? 0)] as const,
  );
  return Object.fromEntries(excess.filter(([, count]) => count > 0));
}

test('closed sockets, sessions, requests and responses are released, and idle connections keep no request', async () => {
  const [without, within] = await Promise.all([kept(false), kept(true)]);

  expect(within.faults).toEqual([]);
  expect(within.made).toBeGreaterThan(100);
  const { Socket, TLSSocket, ...whileIdle } = within.whileIdle;
  expect(Number(Socket)).toBeGreaterThan(0); // idle connections
  expect(Number(TLSSocket)).toBeGreaterThan(0);
  expect(more(whileIdle, without.whileIdle)).toEqual({});
  expect(more(within.afterClose, without.afterClose)).toEqual({});
}, 120_000);
