// The alerts of ports, on what was recorded as a program really ran out of them: test/live/ports.test.ts, in a network
// namespace with 200 ports.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { DURATIONS } from '../../dashboards/source/durations.ts';
import { testWith } from '../support/installed.ts';
import type { InputSeries } from '../support/recording.ts';

const ROOT = join(import.meta.dirname, '../..');
const test = testWith('promtool');
const options = { timeout: 120_000 };

interface Recording {
  readonly input_series: readonly InputSeries[];
}

const read = (name: string): Recording =>
  parse(readFileSync(join(ROOT, `test/support/recordings/${name}.yaml`), 'utf8'));
const exhaustion = read('port-exhaustion');
const cured = read('port-exhaustion-cured');

const NO_PORT = 'connmeter_connection_failed_total{error_type="EADDRNOTAVAIL"}';

/**
 * Seconds between two scrapes. The recording took some seconds in all, so that nothing left TIME_WAIT meanwhile: what it has is a
 * table that fills evenly to its last port, and then failures. Played with a scrape every 15 s, as most people have it, that
 * is traffic which grows for five minutes until no port is left; with one every 30 s, for ten. The rules and their clock are
 * what users install. Connections opened are played as slowly, so there are fewer of them than in such traffic: that makes
 * it harder for the alert. Slower still, they would be too few to explain what is in TIME_WAIT, and it would rightly doubt.
 */
const PACES = [15, 30];

test.each(PACES)('running out is told before the first failure, scraped every %d s', options, pace => {
  const failure = firstFailure() * pace;
  const before = Math.floor((failure - 1) / DURATIONS.interval) * DURATIONS.interval; // the last time the rules look before it
  const after = (exhaustion.input_series[0]?.values.split(' ').length ?? 0) * pace;

  expect(
    promtool(exhaustion, pace, [
      { at: before, ask: firing('ConnmeterPortsRunningOut'), answer: 1 },
      { at: before, ask: `sum(${NO_PORT}) > 0` }, // nothing has failed, as yet
      { at: before, ask: 'count_over_time(ALERTS{alertname="ConnmeterPortsExhausted"}[1d])' },
      { at: failure, ask: `sum(${NO_PORT}) > bool 0`, answer: 1 },
      { at: after, ask: firing('ConnmeterPortsRunningOut'), answer: 1 },
    ]),
  ).toContain('SUCCESS');
});

test.each(PACES)('the cured form of the same program is silent, scraped every %d s', options, pace => {
  const end = (cured.input_series[0]?.values.split(' ').length ?? 0) * pace;

  expect(
    promtool(cured, pace, [
      { at: end, ask: 'count_over_time(ALERTS[1d])' },
      { at: end - pace, ask: 'max(connmeter_ports_ephemeral)', answer: 200 },
    ]),
  ).toContain('SUCCESS');
});

/** The scrape that first has a connect failed for want of a port. */
function firstFailure(): number {
  const failed = exhaustion.input_series.find(({ series }) => series.includes('EADDRNOTAVAIL'));
  const found = failed?.values.split(' ').findIndex(value => Number(value) > 0) ?? -1;
  expect(found).toBeGreaterThan(1);
  return found;
}

const firing = (alert: string) => `count(ALERTS{alertname="${alert}",alertstate="firing"})`;

interface Question {
  readonly at: number;
  readonly ask: string;
  /** Without: no series at all. */
  readonly answer?: number;
}

/** What promtool says of these answers, where a recording is played with so many seconds from scrape to scrape. */
function promtool({ input_series }: Recording, pace: number, questions: readonly Question[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-exhaustion-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'exhaustion.yaml');
  const scraped = ({ series, values }: InputSeries) => ({
    series: series.replace('{', '{job="api",instance="one",').replace(',}', '}'),
    values,
  });
  const played = {
    interval: `${pace}s`,
    input_series: input_series.map(scraped),
    promql_expr_test: questions.map(({ at, ask, answer }) => ({
      expr: ask,
      eval_time: `${at}s`,
      ...(answer !== undefined && { exp_samples: [{ labels: '{}', value: answer }] }),
    })),
  };
  const rules = {
    rule_files: [join(ROOT, 'dashboards/rules/connmeter.yaml')],
    group_eval_order: ['connmeter.recording', 'connmeter.alerts'],
    evaluation_interval: `${DURATIONS.interval}s`,
    tests: [played],
  };
  writeFileSync(file, stringify(rules));

  const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8', timeout: 100_000 });
  return stdout + stderr;
}
