import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { prometheusName } from '../../dashboards/source/metric-names.ts';
import { type Basic, mainCauses } from '../../src/metrics/basic.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { allPanels, readDashboard } from '../support/dashboards.ts';

const read = (path: string) => readFileSync(join(import.meta.dirname, '../..', path), 'utf8');
const [, SECTION = ''] = /^## With `detail: 'basic'`$([\s\S]*?)^## /m.exec(read('docs/metrics.md')) ?? [];

/** The rules that need a metric which `basic` leaves out, by the names of their series or alerts. */
function rulesWithout(metrics: readonly string[]): { series: string[]; alerts: string[] } {
  const { groups } = parse(read('dashboards/rules/connmeter.yaml')) as {
    groups: { rules: { record?: string; alert?: string; expr: string }[] }[];
  };
  const missing = [...metrics];
  const alerts: string[] = [];
  for (const { record, alert, expr } of groups.flatMap(({ rules }) => rules)) {
    // What stands after `unless` only makes an alert stricter.
    if (!needs(expr.replaceAll(/^unless .*$/gm, ''), missing)) continue;
    if (record !== undefined) missing.push(record);
    if (alert !== undefined) alerts.push(alert);
  }
  return { series: missing, alerts };
}

function needs(expr: string, names: readonly string[]): boolean {
  return names.some(name => new RegExp(`(?<![\\w:])${name}(_bucket|_sum|_count)?(?![\\w:])`).test(expr));
}

/** An `or` has a result if one of its sides has one. */
const needsEach = (expr: string) => expr.split(' or ').every(side => needs(side, MISSING));

const LEFT_OUT = METRICS.filter(({ basic }) => basic === 'left out').map(({ name }) => name);
const { series: MISSING, alerts: SILENT } = rulesWithout(
  METRICS.filter(({ basic }) => basic === 'left out').map(({ name }) => prometheusName(name, 'pull')),
);

/** What the docs say of a way to shorten labels. */
function inWords(basic: Basic | undefined): RegExp {
  if (basic === 'left out') return /^left out$/;
  if (basic === mainCauses) return /^the causes /;
  const all = {
    'network.protocol.version': '2',
    'dns.question.name': 'a.test',
    'connmeter.phase': 'tls',
    'connmeter.caller': 'a',
  };
  const labels = basic?.({ ...all, 'network.protocol.name': 'http', 'connmeter.close.reason': 'error' }) ?? {};
  const [gone = ''] = Object.keys({ ...all, 'connmeter.close.reason': '' }).filter(name => !(name in labels));
  return gone === '' ? /^`error.type` only / : new RegExp(`without \`${gone}\``);
}

test('docs/metrics.md says what basic shows of each metric', () => {
  const rows = Array.from(SECTION.matchAll(/^\| `([\w.]+)` \| (.*) \|$/gm), ([, name = '', text = '']) => ({
    name,
    text,
  }));
  const shortened = METRICS.filter(({ basic }) => basic !== undefined);

  expect(rows.map(({ name }) => name)).toEqual(shortened.map(({ name }) => name));
  for (const [index, { basic }] of shortened.entries()) expect(rows[index]?.text).toMatch(inWords(basic));
});

test('docs/metrics.md names the alerts that cannot fire in basic detail', () => {
  const [named = ''] = /All work except [\s\S]*?\. Some/.exec(SECTION) ?? [];

  expect(LEFT_OUT).toHaveLength(21);
  expect(Array.from(named.matchAll(/`(\w+)`/g), ([, name]) => name)).toEqual(SILENT);
});

test('docs/metrics.md names the panels that stay empty in basic detail', () => {
  const [named = ''] = /These stay empty: ([\s\S]*?)\. In/.exec(SECTION) ?? [];
  const empty = ['dashboards/connmeter.json', 'dashboards/connmeter-fleet.json'].flatMap(path =>
    allPanels(readDashboard(path))
      .filter(({ targets = [] }) => targets.length > 0 && targets.every(({ expr }) => needsEach(expr)))
      .map(({ title }) => title),
  );

  expect(Array.from(named.matchAll(/\*([^*]+)\*/g), ([, title = '']) => title.replaceAll('\n', ' ')).sort()).toEqual(
    empty.sort(),
  );
});
