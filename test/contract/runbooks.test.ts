import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { DURATIONS } from '../../dashboards/source/durations.ts';
import { prometheusName } from '../../dashboards/source/metric-names.ts';
import type { Alert } from '../../dashboards/source/rules/alerts/alert.ts';
import { ALERTS } from '../../dashboards/source/rules/alerts.ts';
import { RECORDED } from '../../dashboards/source/rules/recorded-series.ts';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { EXPECTED_FAILURES, GIVEN_UP } from '../../src/core/errors.ts';
import { CLOSE_REASONS, SERVER_CLOSE_REASONS } from '../../src/core/reasons.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { allPanels, readDashboard } from '../support/dashboards.ts';
import { blocksOf } from '../support/docs.ts';
import { testWith } from '../support/installed.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = 'docs/runbooks';
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const pageOf = (name: string) => `${FOLDER}/${name}.md`;
const PAGES = ALERTS.map(({ name }) => name);

const inMinutes = (minutes: number) => `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
const minutesOf = (alert: Alert) => DURATIONS[alert.for] / 60;

test('every alert has a runbook, and every runbook has an alert', () => {
  const pages = readdirSync(join(ROOT, FOLDER)).filter(name => name !== 'README.md');

  expect(pages.sort()).toEqual(PAGES.map(name => `${name}.md`).sort());
});

test('the index lists every alert with its severity, duration and condition', () => {
  const rows = Array.from(
    read(`${FOLDER}/README.md`).matchAll(/^\| \[(\w+)\]\((\S+)\) \| (.*) \|$/gm),
    ([, name, link, rest = '']) => {
      const [severity, duration, when, why = ''] = rest.split(' | ');
      expect(why.length, `reason for the threshold of ${name}`).toBeGreaterThan(3);
      return { name, link, severity, for: duration, when };
    },
  );

  expect(rows).toEqual(
    ALERTS.map(alert => ({
      name: alert.name,
      link: `${alert.name}.md`,
      severity: alert.severity,
      for: `${minutesOf(alert)} min`,
      when: alert.when,
    })),
  );
});

describe.each(ALERTS)('$name', alert => {
  const page = read(pageOf(alert.name));

  test('has the four headings, each with text', () => {
    const [title, ...sections] = page.split(/^## /m);

    expect(title?.split('\n')[0]).toBe(`# ${alert.name}`);
    expect(sections.map(section => section.split('\n')[0])).toEqual(['Meaning', 'Impact', 'Diagnosis', 'Mitigation']);
    for (const section of sections) expect(section.split('\n').slice(1).join('').length).toBeGreaterThan(60);
  });

  test('starts with the condition of the alert', () => {
    expect(page.split('\n')[2]).toBe(`**${alert.severity}** after ${inMinutes(minutesOf(alert))}: ${alert.when}.`);
  });

  test('is short enough to read at 3 a.m.', () => {
    expect(page.split(/\s+/).length).toBeLessThan(450);
  });

  test('names the panel of the alert, and only panels that exist', () => {
    const named = Array.from(page.matchAll(/[Pp]anels? ((?:"[^"]+"(?:,| and)?\s*)+)/g), ([, names = '']) =>
      Array.from(names.matchAll(/"([^"]+)"/g), ([, name]) => name),
    ).flat();

    expect(named).toContain(alert.panel);
    expect(named.filter(name => !PANELS.has(name ?? ''))).toEqual([]);
  });

  test('has PromQL to run, and the OTLP names where they differ', () => {
    const queries = blocksOf(pageOf(alert.name), 'promql');

    expect(queries.length).toBeGreaterThan(0);
    for (const name of queries.flatMap(namesIn)) {
      expect(KNOWN, name).toContain(name);
      const otlp = OTLP.get(name);
      if (otlp !== undefined && otlp !== name) expect(page, `${name} over OTLP`).toContain(`\`${otlp}\``);
    }
  });

  test('has no broken links', () => {
    const links = Array.from(page.matchAll(/\]\(([^)\s]+)\)/g), ([, link = '']) => link);

    expect(links.filter(link => !resolves(pageOf(alert.name), link))).toEqual([]);
  });

  test('uses existing names of causes, reasons, phases and errors in its tables', () => {
    const rows = Array.from(page.matchAll(/^\| (.*?) \|/gm), ([, first = '']) => first);
    const words = rows.flatMap(row => Array.from(row.matchAll(/`([a-z]+(?:_[a-z]+)*)`/g), ([, word = '']) => word));

    expect(words.filter(word => !NAMES.has(word))).toEqual([]);
  });
});

testWith('promtool')('promtool accepts every query of the runbooks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-runbooks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'queries.yaml');
  const rules = PAGES.flatMap(name => blocksOf(pageOf(name), 'promql')).map((expr, index) => ({
    record: `runbook:query:${index}`,
    expr,
  }));
  writeFileSync(file, stringify({ groups: [{ name: 'runbooks', rules }] }));

  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });

  expect(stdout + stderr).toContain(`SUCCESS: ${rules.length} rules found`);
  expect(status).toBe(0);
});

test('the index has no broken links', () => {
  const links = Array.from(read(`${FOLDER}/README.md`).matchAll(/\]\(([^)\s]+)\)/g), ([, link = '']) => link);

  expect(links.filter(link => !resolves(`${FOLDER}/README.md`, link))).toEqual([]);
});

const PANELS = new Set(
  ['dashboards/connmeter.json', 'dashboards/connmeter-fleet.json'].flatMap(path =>
    allPanels(readDashboard(path)).map(({ title }) => title),
  ),
);

/** Causes and reasons, phases, and the errors of attempts that a client gave up. */
const NAMES: ReadonlySet<string> = new Set<string>([
  ...OPEN_CAUSES,
  ...CLOSE_REASONS,
  ...SERVER_CLOSE_REASONS,
  ...Object.keys(EXPECTED_FAILURES),
  ...GIVEN_UP,
]);

/** Name of the pull exporter -> name over OTLP. */
const OTLP: ReadonlyMap<string, string> = new Map(
  METRICS.flatMap(({ name, kind }) =>
    (kind === 'histogram' ? ['_bucket', '_count', '_sum'] : ['']).map(
      suffix => [prometheusName(name, 'pull') + suffix, prometheusName(name, 'otlp') + suffix] as const,
    ),
  ),
);

const KNOWN: readonly string[] = ['up', ...Object.values(RECORDED), ...OTLP.keys()];

/** The metrics in an expression. In the runbooks, each has braces. */
function namesIn(expr: string): string[] {
  return Array.from(expr.matchAll(/([a-z_:][\w:]*)\{/g), ([, name = '']) => name);
}

/** True if the file of a link exists, and the anchor or heading in it if the link has one. */
function resolves(from: string, link: string): boolean {
  if (/^https:/.test(link)) return true;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? from : join(dirname(from), path);
  if (!existsSync(join(ROOT, target))) return false;
  if (anchor === undefined) return true;
  const text = read(target);
  const headings = Array.from(text.matchAll(/^#+ (.+)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
  return headings.includes(anchor) || text.includes(`<a id="${anchor}"></a>`);
}
