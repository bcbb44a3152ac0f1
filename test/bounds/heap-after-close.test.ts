import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { start } from '../support/child.ts';
import { server } from '../support/server.ts';
import type { HeapAfterClose } from './programs/heap-after-close.ts';

const PROGRAM = fileURLToPath(new URL('./programs/heap-after-close.ts', import.meta.url));

/** Sockets, sessions, requests and responses of the program that are still in the heap. */
async function kept(measured: boolean): Promise<HeapAfterClose> {
  const own = await certificate();
  const [plain, secure, both, tcp] = await Promise.all([
    server({ kind: 'http', keepAliveTimeout: 600_000 }),
    server({ kind: 'https', certificate: own, keepAliveTimeout: 600_000 }),
    server({ kind: 'http2', certificate: own, keepAliveTimeout: 600_000 }),
    server({ kind: 'tcp' }),
  ]);
  const task = { measured, http: plain.port, https: secure.port, http2: both.port, tcp: tcp.port, ca: own.cert };
  const { outcome } = start(PROGRAM, { args: [JSON.stringify(task)], node: ['--expose-gc'] });
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as HeapAfterClose;
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
