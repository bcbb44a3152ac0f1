// Tests the alerts about ports with recorded metrics of a program that ran out of ports, in a network namespace with 200 ports:
// test/live/ports.test.ts.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { DURATIONS } from '../../dashboards/source/durations.ts';
import { testWith } from '../support/installed.ts';
import type { InputSeries } from '../support/promtool-series.ts';

const ROOT = join(import.meta.dirname, '../..');
const test = testWith('promtool');
const options = { timeout: 120_000 };

interface Recording {
  readonly input_series: readonly InputSeries[];
}

const read = (name: string): Recording =>
  parse(readFileSync(join(ROOT, `test/support/recordings/${name}.yaml`), 'utf8'));
const exhaustion = read('port-exhaustion');
const fixed = read('port-exhaustion-cured');

const NO_PORT = 'connmeter_connection_failed_total{error_type="EADDRNOTAVAIL"}';

/**
 * Seconds between two scrapes of the replay. The recording took a few seconds, so no socket left TIME_WAIT: the number of sockets in
 * TIME_WAIT grows steadily until no port is left, and then connecting fails. With a scrape every 15 s, which is common, the replay
 * looks like traffic that grows for five minutes until no port is left; with 30 s, for ten minutes. The rules and their durations
 * are those of the committed files. The replay also slows down the rate of opened connections. That makes it harder for the alert.
 * With even longer intervals, the opened connections could not explain the sockets in TIME_WAIT, and the alert would not fire.
 */
const INTERVALS = [15, 30];

test.each(INTERVALS)('the warning fires before the first failure, scraped every %d s', options, interval => {
  const failure = firstFailure() * interval;
  const before = Math.floor((failure - 1) / DURATIONS.interval) * DURATIONS.interval; // the last evaluation before it
  const after = (exhaustion.input_series[0]?.values.split(' ').length ?? 0) * interval;

  expect(
    promtool(exhaustion, interval, [
      { at: before, expr: firing('ConnmeterPortsRunningOut'), result: 1 },
      { at: before, expr: `sum(${NO_PORT}) > 0` }, // nothing has failed yet
      { at: before, expr: 'count_over_time(ALERTS{alertname="ConnmeterPortsExhausted"}[1d])' },
      { at: failure, expr: `sum(${NO_PORT}) > bool 0`, result: 1 },
      { at: after, expr: firing('ConnmeterPortsRunningOut'), result: 1 },
    ]),
  ).toContain('SUCCESS');
});

test.each(INTERVALS)('the fixed program fires no alert, scraped every %d s', options, interval => {
  const end = (fixed.input_series[0]?.values.split(' ').length ?? 0) * interval;

  expect(
    promtool(fixed, interval, [
      { at: end, expr: 'count_over_time(ALERTS[1d])' },
      { at: end - interval, expr: 'max(connmeter_ports_ephemeral)', result: 200 },
    ]),
  ).toContain('SUCCESS');
});

/** The first scrape with a failure for lack of a port. */
function firstFailure(): number {
  const failed = exhaustion.input_series.find(({ series }) => series.includes('EADDRNOTAVAIL'));
  const found = failed?.values.split(' ').findIndex(value => Number(value) > 0) ?? -1;
  expect(found).toBeGreaterThan(1);
  return found;
}

const firing = (alert: string) => `count(ALERTS{alertname="${alert}",alertstate="firing"})`;

interface Query {
  readonly at: number;
  readonly expr: string;
  /** Absent if the query has to return nothing. */
  readonly result?: number;
}

/** Replays a recording with an interval between scrapes, and returns what promtool prints about the expected results. */
function promtool({ input_series }: Recording, interval: number, queries: readonly Query[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-exhaustion-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'exhaustion.yaml');
  const withTarget = ({ series, values }: InputSeries) => ({
    series: series.replace('{', '{job="api",instance="one",').replace(',}', '}'),
    values,
  });
  const replay = {
    interval: `${interval}s`,
    input_series: input_series.map(withTarget),
    promql_expr_test: queries.map(({ at, expr, result }) => ({
      expr,
      eval_time: `${at}s`,
      ...(result !== undefined && { exp_samples: [{ labels: '{}', value: result }] }),
    })),
  };
  const rules = {
    rule_files: [join(ROOT, 'dashboards/rules/connmeter.yaml')],
    group_eval_order: ['connmeter.recording', 'connmeter.alerts'],
    evaluation_interval: `${DURATIONS.interval}s`,
    tests: [replay],
  };
  writeFileSync(file, stringify(rules));

  const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], { encoding: 'utf8', timeout: 100_000 });
  return stdout + stderr;
}
