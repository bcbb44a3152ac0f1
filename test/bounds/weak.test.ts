import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { start } from '../support/child.ts';
import { server } from '../support/server.ts';
import type { Kept } from './programs/letting-go.ts';

const PROGRAM = fileURLToPath(new URL('./programs/letting-go.ts', import.meta.url));

/** What is left in the heap of the program's sockets, sessions, requests and responses. */
async function kept(measured: boolean): Promise<Kept> {
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
  return JSON.parse(stdout) as Kept;
}

/** More than without connmeter, which Node and undici are to answer for. */
function more(within: Record<string, number>, without: Record<string, number>): Record<string, number> {
  const excess = Object.entries(within).map(
    ([name, count]) => [name, count - Math.max(0, without[name] ?? 0)] as const,
  );
  return Object.fromEntries(excess.filter(([, count]) => count > 0));
}

test('no socket, session, request or response is kept after its close, and no request by an idle connection', async () => {
  const [without, within] = await Promise.all([kept(false), kept(true)]);

  expect(within.faults).toEqual([]);
  expect(within.made).toBeGreaterThan(100);
  const { Socket, TLSSocket, ...whileIdle } = within.whileIdle;
  expect(Number(Socket)).toBeGreaterThan(0); // the idle ones
  expect(Number(TLSSocket)).toBeGreaterThan(0);
  expect(more(whileIdle, without.whileIdle)).toEqual({});
  expect(more(within.afterClose, without.afterClose)).toEqual({});
}, 120_000);
