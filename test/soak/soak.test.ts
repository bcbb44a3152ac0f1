import { expect } from 'vitest';
import { testInNamespace } from '../support/namespace.ts';
import { runChecks } from './checks.ts';
import { report } from './report.ts';
import { soak } from './soak.ts';

const test = testInNamespace();

/** Duration of the traffic; start and end take about as long again. `npm run soak` runs longer. */
const SECONDS = 20;
const SEED = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);

test('the counts of mixed traffic with faults of all kinds match those of the servers and the kernel, and each other', async () => {
  console.log(`soak: seed ${SEED}; again with SOAK_SEED=${SEED}`);

  const soaked = await soak({ seconds: SECONDS, rate: 1_000, seed: SEED });

  const broken = runChecks(soaked).filter(({ holds }) => !holds);
  expect(broken, report(soaked)).toEqual([]);
}, 150_000);
