// What the table of servers says about servers whose numbers are known, as Prometheus computes it.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { VERDICT_TEXTS } from '../../dashboards/source/rows/verdicts.ts';
import { queriesOf, readDashboard } from '../support/dashboards.ts';
import { testWith } from '../support/installed.ts';
import { temporaryFolder } from '../support/service.ts';

const test = testWith('promtool');

/** Series of one server, by metric and labels. Numbers are what is added each minute; texts are the values themselves. */
type Numbers = Readonly<Record<string, number | string>>;

const REUSED = 'connmeter_requests_total{connmeter_connection_reused="true"}';
const NOT_REUSED = 'connmeter_requests_total{connmeter_connection_reused="false"}';
const opened = (cause: string, reason = '') =>
  `connmeter_connection_opened_total{connmeter_open_cause="${cause}",connmeter_close_reason="${reason}"}`;
const failed = (phase: string) => `connmeter_connection_failed_total{connmeter_phase="${phase}",error_type="x"}`;
const buckets = (metric: string, labels: string, boundaries: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(boundaries).map(([le, rate]) => [`${metric}_bucket{${labels}le="${le}"}`, rate]));

const HEALTHY: Numbers = {
  [REUSED]: 6000,
  [NOT_REUSED]: 6,
  [opened('first')]: '1',
  [opened('pool_busy')]: 6,
  [failed('connect')]: 0,
  'connmeter_body_held{}': '0',
  'connmeter_connection_pending{connmeter_phase="connect"}': '0',
  'connmeter_pool_saturated_total{}': 0,
};
const WASTEFUL = { [NOT_REUSED]: 600, [REUSED]: 0 };

const SLOW = {
  ...buckets('connmeter_connect_duration', '', { '0.1': 0, '5': 60, '+Inf': 60 }),
  'connmeter_connect_duration_count{}': 60,
};

const SERVERS: Readonly<Record<string, { readonly numbers: Numbers; readonly says: string }>> = {
  healthy: { numbers: {}, says: 'Healthy' },
  'hardly used': { numbers: { [REUSED]: 2, [NOT_REUSED]: 1, [opened('pool_busy')]: 1 }, says: 'Little traffic' },
  'a client per request': { numbers: { ...WASTEFUL, [opened('new_pool')]: 600 }, says: 'Client per request' },
  'keep-alive off': {
    numbers: { ...WASTEFUL, [opened('replaced', 'keep_alive_off')]: 500, [opened('pool_busy')]: 100 },
    says: 'Keep-alive is off',
  },
  'a query each': {
    numbers: { [REUSED]: '_', [NOT_REUSED]: '_', [opened('replaced', 'client_closed')]: 600 },
    says: 'Closed by the program',
  },
  'many new, but one in a hundred': { numbers: { [REUSED]: 60_000, [opened('pool_busy')]: 600 }, says: 'Healthy' },
  'basic detail': { numbers: { ...WASTEFUL, [opened('_OTHER')]: 600 }, says: 'Many new connections' },
  'unread bodies': {
    numbers: { ...WASTEFUL, 'connmeter_body_held{}': '5', [opened('body_held')]: 600 },
    says: 'Unread bodies hold connections',
  },
  saturated: { numbers: { 'connmeter_pool_saturated_total{}': 30 }, says: 'Pool at its limit' },
  races: {
    numbers: {
      'connmeter_requests_failed_total{connmeter_connection_reused="true",error_type="closed"}': 1,
      [opened('replaced', 'server_idle_close')]: 300,
    },
    says: 'Lost to keep-alive races',
  },
  'fails before it wastes': {
    numbers: { ...WASTEFUL, [opened('new_pool')]: 600, [failed('tls')]: 600, [failed('dns')]: 60 },
    says: 'TLS fails',
  },
  'fails now and then': { numbers: { [failed('connect')]: 6, [opened('pool_busy')]: 600 }, says: 'Healthy' },
  'no name': { numbers: { [failed('dns')]: 600 }, says: 'DNS fails' },
  hangs: {
    numbers: { 'connmeter_connection_pending{connmeter_phase="connect"}': '20', [opened('pool_busy')]: 60 },
    says: 'Connections hang',
  },
  'busy, but not hanging': {
    numbers: { 'connmeter_connection_pending{connmeter_phase="connect"}': '20', [opened('pool_busy')]: 600 },
    says: 'Healthy',
  },
  slow: { numbers: SLOW, says: 'Connections open slowly' },
  'slow, and wasteful': {
    numbers: { ...WASTEFUL, ...SLOW, [opened('new_pool')]: 600 },
    says: 'Connections open slowly',
  },
};

/** The time series of a server, for the unit tests of promtool. */
function seriesOf(server: string, numbers: Numbers) {
  const own = `job="j",instance="i",server_address="${server}",server_port="443"`;
  return Object.entries({ ...HEALTHY, ...numbers }).map(([series, number]) => ({
    series: series.replace('{', `{${own}${series.includes('{}') ? '' : ','}`),
    values: typeof number === 'number' ? `0+${number}x10` : `${number}x10`,
  }));
}

test('the table gives each server the verdict that its numbers deserve, the worst first', async () => {
  const [first = { expr: '' }] = queriesOf(readDashboard('dashboards/connmeter.json')).filter(
    ({ panel, expr }) => panel === 'Servers' && expr.includes('verdict'),
  );
  const textOf = new Map(VERDICT_TEXTS.map(({ value, text }) => [value, text]));
  const file = join(temporaryFolder('verdicts'), 'test.yaml');
  const input_series = Object.entries(SERVERS).flatMap(([server, { numbers }]) => seriesOf(server, numbers));
  const question = { expr: `sort_desc(${first.expr})`, eval_time: '10m' };
  writeFileSync(
    file,
    stringify({ evaluation_interval: '1m', tests: [{ interval: '1m', input_series, promql_expr_test: [question] }] }),
  );

  // promtool tells what it got, because nothing is expected.
  const { stdout, stderr } = await promisify(execFile)('promtool', ['test', 'rules', file]).catch(error => error);
  const got = Array.from(
    `${stdout}${stderr}`.matchAll(/\{server_address="([^"]+)"[^}]*verdict="([^"]+)"\} (\S+)/g),
    ([, server = '', verdict = '', rank = '']) => ({
      server,
      says: textOf.get(verdict),
      rank: Number.parseFloat(rank),
    }),
  );

  expect(Object.fromEntries(got.map(({ server, says }) => [server, says]))).toEqual(
    Object.fromEntries(Object.entries(SERVERS).map(([server, { says }]) => [server, says])),
  );
  const worstFirst = got.toSorted((a, b) => b.rank - a.rank).map(({ says }) => says);
  expect(worstFirst.slice(0, 2).sort()).toEqual(['DNS fails', 'TLS fails']);
  expect(worstFirst.at(-1)).toBe('Healthy');
});
