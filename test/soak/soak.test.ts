import { expect } from 'vitest';
import { testInNamespace } from '../support/namespace.ts';
import { runChecks } from './checks.ts';
import { report } from './report.ts';
import { soak } from './soak.ts';

const test = testInNamespace();

/** The traffic's; with starting and ending it takes about twice as long. `npm run soak` is the long form. */
const SECONDS = 20;
const SEED = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);

test('mixed traffic with faults of all kinds adds up: with the servers, with the kernel, and within itself', async () => {
  console.log(`soak: seed ${SEED}; again with SOAK_SEED=${SEED}`);

  const soaked = await soak({ seconds: SECONDS, rate: 1_000, seed: SEED });

  const broken = runChecks(soaked).filter(({ holds }) => !holds);
  expect(broken, report(soaked)).toEqual([]);
}, 150_000);
