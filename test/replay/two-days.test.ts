import { beforeAll, describe } from 'vitest';
import { testWith } from '../support/installed.ts';
import { expectAlerts, expectSilence, RULES } from './cases.ts';
import { FAULTS } from './faults.ts';
import type { Fired } from './promtool.ts';
import { replayFaults, replayHealthy } from './replay.ts';

const SEED = 2;
/** Each takes five to seven minutes of processor time. */
const TIMEOUT = 3_600_000;
const withPromtool = testWith('promtool');

withPromtool(`two days without a fault: no alert fires (seed ${SEED})`, { timeout: TIMEOUT }, async () => {
  const { fired } = await replayHealthy(RULES, 48, SEED);

  expectSilence(fired);
});

describe('two days, with faults in hours 30 to 33', () => {
  const time = [30, 33] as const;
  let fired: readonly Fired[];
  beforeAll(async () => {
    ({ fired } = await replayFaults(RULES, FAULTS, 48, time, SEED));
  }, TIMEOUT);

  withPromtool.each(Object.entries(FAULTS))('%s', (name, fault) => {
    expectAlerts(fired, [name, fault], time);
  });
});
