import { expect } from 'vitest';
import { testInNamespace } from '../support/namespace.ts';
import { runChecks } from './checks.ts';
import { report } from './report.ts';
import { soak } from './soak.ts';

const test = testInNamespace();

const SEED = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);

// The duration of the traffic; start and end take about as long again. `npm run soak` runs longer.
test.each([
  ['one process', { seconds: 20, rate: 1_000, everything: false }],
  ['a cluster with threads, which is scraped and watched', { seconds: 60, rate: 300, everything: true }],
])(
  '%s: the counts of mixed traffic with faults of all kinds match those of the servers and the kernel, and each other',
  async (_what, plan) => {
    console.log(`soak: seed ${SEED}; again with SOAK_SEED=${SEED}`);

    const soaked = await soak({ ...plan, seed: SEED });

    const broken = runChecks(soaked).filter(({ holds }) => !holds);
    expect(broken, report(soaked)).toEqual([]);
  },
  240_000,
);
