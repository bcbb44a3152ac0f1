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

const faults = Object.entries(FAULTS);
const quick = Object.fromEntries(faults.filter(([, { needsHours = 0 }]) => needsHours === 0));
const slow = Object.fromEntries(faults.filter(([, { needsHours = 0 }]) => needsHours > 0));

withPromtool(`two short days without a fault: no alert fires (seed ${SEED})`, { timeout: TIMEOUT }, async () => {
  const { fired } = await replayHealthy(RULES, 4, SEED);

  expectSilence(fired);
});

describe.each([
  { faults: quick, hours: 2.5, time: [0.75, 1.75] as const },
  { faults: slow, hours: 26, time: [24.5, 25.25] as const },
])('faults in hour $time', ({ faults, hours, time }) => {
  let fired: readonly Fired[];
  beforeAll(async () => {
    ({ fired } = await replayFaults(RULES, faults, hours, time, SEED));
  }, TIMEOUT);

  withPromtool.each(Object.entries(faults))('%s', (name, fault) => {
    expectAlerts(fired, [name, fault], time);
  });
});

test('every alert has a fault that fires it', () => {
  const fires = new Set(faults.flatMap(([, { alerts }]) => alerts));

  expect(alertsIn(readRules(RULES)).filter(alert => !fires.has(alert))).toEqual([]);
});

test('the recordings have every metric that the rules query', () => {
  const queried = METRICS.flatMap(({ name, kind }) => {
    const metric = prometheusName(name, 'pull');
    return kind === 'histogram' ? ['_bucket', '_count', '_sum'].map(suffix => metric + suffix) : [metric];
  }).filter(isQueried(readRules(RULES)));
  const names = new Set(recorded().flatMap(program => readRecording(program).series.map(({ name }) => name)));

  expect(queried.length).toBeGreaterThan(0);
  expect(queried.filter(name => !names.has(name))).toEqual([]);
});
