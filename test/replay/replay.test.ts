import { beforeAll, describe, expect, test } from 'vitest';
import { prometheusName } from '../../dashboards/source/metric-names.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { testWith } from '../support/installed.ts';
import { expectAlerts, expectSilence, RULES } from './cases.ts';
import { FAULTS } from './faults.ts';
import { alertsIn, type Fired, isQueried, readRules } from './promtool.ts';
import { readRecording, recorded } from './recordings.ts';
import { replayFaults, replayHealthy } from './replay.ts';

const SEED = 1;
const TIMEOUT = 240_000;
const withPromtool = testWith('promtool');

/** two-days.test.ts has the others: their alerts compare with the day before. */
const quick = Object.fromEntries(Object.entries(FAULTS).filter(([, { needsHours = 0 }]) => needsHours === 0));

withPromtool(`two short days without a fault: no alert fires (seed ${SEED})`, { timeout: TIMEOUT }, async () => {
  const { fired } = await replayHealthy(RULES, 3, SEED);

  expectSilence(fired);
});

describe('faults for an hour', () => {
  const time = [0.5, 1.5] as const;
  let fired: readonly Fired[];
  beforeAll(async () => {
    ({ fired } = await replayFaults(RULES, quick, 2, time, SEED));
  }, TIMEOUT);

  withPromtool.each(Object.entries(quick))('%s', (name, fault) => {
    expectAlerts(fired, [name, fault], time);
  });
});

test('every alert has a fault that fires it', () => {
  const fires = new Set(Object.values(FAULTS).flatMap(({ alerts }) => alerts));

  expect(alertsIn(readRules(RULES)).filter(alert => !fires.has(alert))).toEqual([]);
});

test('the recordings have every metric that the rules query', () => {
  const isUsed = isQueried(readRules(RULES));
  const queried = METRICS.flatMap(({ name, kind }) => {
    const metric = prometheusName(name, 'pull');
    return kind === 'histogram' ? ['_bucket', '_count', '_sum'].map(suffix => metric + suffix) : [metric];
  }).filter(name => isUsed(name));
  const names = new Set(recorded().flatMap(program => readRecording(program).series.map(({ name }) => name)));

  expect(queried.length).toBeGreaterThan(0);
  expect(queried.filter(name => !names.has(name))).toEqual([]);
});
