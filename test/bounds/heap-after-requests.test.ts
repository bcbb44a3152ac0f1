import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { start } from '../support/child.ts';
import { server } from '../support/server.ts';
import type { LeftInHeap } from './programs/heap-after-requests.ts';

const PROGRAM = fileURLToPath(new URL('./programs/heap-after-requests.ts', import.meta.url));

/** Objects of finished requests that are still in the heap while their connections are open and nothing scrapes. */
async function left(measured: boolean): Promise<LeftInHeap> {
  const own = await certificate();
  const [plain, secure, both, silent] = await Promise.all([
    server({ kind: 'http', keepAliveTimeout: 600_000 }),
    server({ kind: 'https', certificate: own, keepAliveTimeout: 600_000 }),
    server({ kind: 'http2', certificate: own, keepAliveTimeout: 600_000 }),
    server({ kind: 'silent' }),
  ]);
  const ports = { http: plain.port, https: secure.port, http2: both.port, silent: silent.port };
  const task = { measured, ...ports, ca: own.cert };
  const { outcome } = start(PROGRAM, { args: [JSON.stringify(task)], node: ['--expose-gc'] });
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as LeftInHeap;
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
