import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { start } from '../support/child.ts';
import { server } from '../support/server.ts';
import type { Outcome } from './programs/heap-after-requests.ts';

const PROGRAM = fileURLToPath(new URL('./programs/heap-after-requests.ts', import.meta.url));

/** What is left in the heap of finished requests while their connections are open and nothing scrapes. */
async function outcome(measured: boolean): Promise<Outcome> {
  const own = await certificate();
  const [plain, secure, both, silent] = await Promise.all([
    server({ kind: 'http', keepAliveTimeout: 600_000 }),
    server({ kind: 'https', certificate: own, keepAliveTimeout: 600_000 }),
    server({ kind: 'http2', certificate: own, keepAliveTimeout: 600_000 }),
    server({ kind: 'silent' }),
  ]);
  const ports = { http: plain.port, https: secure.port, http2: both.port, silent: silent.port };
  const task = { measured, ...ports, ca: own.cert };
  const program = start(PROGRAM, { args: [JSON.stringify(task)], node: ['--expose-gc'] });
  const { code, stdout, stderr } = await program.outcome;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Outcome;
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
