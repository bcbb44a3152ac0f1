import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { DURATIONS, promDuration, scaledDown } from '../../dashboards/source/durations.ts';
import { prometheusName, TRANSPORTS, type Transport } from '../../dashboards/source/metric-names.ts';
import { ALERTS } from '../../dashboards/source/rules/alerts.ts';
import { LEVELS, RECORDED } from '../../dashboards/source/rules/recorded-series.ts';
import { rulesFile } from '../../dashboards/source/rules/rules-file.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { servicesFile } from '../rules/services.ts';
import { allPanels, readDashboard } from '../support/dashboards.ts';
import { pathOf, testWith } from '../support/installed.ts';
import { skipTests } from '../support/skip.ts';

const ROOT = join(import.meta.dirname, '../..');
const PATHS: Readonly<Record<Transport, string>> = {
  pull: 'dashboards/rules/connmeter.yaml',
  otlp: 'dashboards/otlp/rules/connmeter.yaml',
};

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const committed = (transport: Transport) => readFileSync(join(ROOT, PATHS[transport]), 'utf8');
const rulesIn = (text: string): Rule[] => parse(text).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);

/** The unit tests for promtool. They use the names of the pull exporter. */
const UNIT_TESTS = globSync('test/rules/*.test.yaml', { cwd: ROOT }).sort();

// --- promtool: Prometheus 2, and Prometheus 3 if it is installed

/**
 * The rules of OTLP differ only in the names of metrics, as another test checks. So these files are enough for them: one has
 * every recorded series, the other all alerts.
 */
const FOR_OTLP = ['recording.test.yaml', 'silence.test.yaml'];
const TESTED: readonly (readonly [file: string, transport: Transport])[] = [
  ...UNIT_TESTS.map(path => [basename(path), 'pull'] as const),
  ...FOR_OTLP.map(file => [file, 'otlp'] as const),
];

/** promtool evaluates a day of rules in three seconds, but takes much longer on a busy machine. */
const TIMEOUT = 240_000;

const { CONNMETER_PROMETHEUS3 } = process.env;
const PROMTOOL3 = CONNMETER_PROMETHEUS3 && pathOf('promtool', CONNMETER_PROMETHEUS3);
/** Each of these evaluates a day of rules. One promtool is enough for them. */
const DAY_LONG = [
  'ConnmeterProcessesMissing.test.yaml',
  'ConnmeterReuseDropped.test.yaml',
  'ConnmeterTargetDown.test.yaml',
];
/** With every test, promtool 3 runs what promtool 2 runs. Otherwise, the files with every recorded series and all alerts are enough. */
const inPromtool3 = (file: string) =>
  process.env['CONNMETER_ALL_TESTS'] ? !DAY_LONG.includes(file) : FOR_OTLP.includes(file);
const PROMTOOLS = [
  { generation: "the system's promtool", promtool: 'promtool', files: TESTED, test: testWith('promtool') },
  {
    generation: 'promtool 3',
    promtool: PROMTOOL3 ?? '',
    files: TESTED.filter(([file]) => inPromtool3(file)),
    test: PROMTOOL3
      ? test
      : skipTests('promtool 3 does not test the rules: it is not in the folder CONNMETER_PROMETHEUS3'),
  },
] as const;

describe.each(PROMTOOLS)('$generation', { timeout: TIMEOUT }, ({ promtool, files, test }) => {
  test.concurrent.for(TRANSPORTS)('accepts the rules without warnings, %s', async (transport, { expect }) => {
    const { status, output } = await run(
      promtool,
      'check',
      'rules',
      '--lint=all',
      '--lint-fatal',
      join(ROOT, PATHS[transport]),
    );

    expect(output).toContain(`SUCCESS: ${rulesIn(committed(transport)).length} rules found`);
    expect(status).toBe(0);
  });

  test.concurrent.for(files)('%s, %s', async ([file, transport], { expect, onTestFinished }) => {
    const { status, output } = await run(promtool, 'test', 'rules', copyFor(transport, file, onTestFinished));

    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('SUCCESS') });
  });

  test('accepts the rules with shorter durations', async ({ onTestFinished }) => {
    const file = temporary('scaled-down.yaml', rulesFile('otlp', scaledDown(30)), onTestFinished);

    expect((await run(promtool, 'check', 'rules', '--lint=all', '--lint-fatal', file)).output).toContain('SUCCESS');
  });
});

function run(program: string, ...args: string[]): Promise<{ status: number | null; output: string }> {
  return new Promise(resolve => {
    const child = execFile(program, args, { timeout: TIMEOUT }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, output: stdout + stderr }),
    );
  });
}

type AtEnd = (run: () => void) => void;

function temporary(name: string, text: string, atEnd: AtEnd): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-rules-'));
  atEnd(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/**
 * A copy of a file of unit tests, with the rules and the metric names of a transport. The file of an alert is tested with the alerts
 * that it names, and the recorded series: to evaluate all alerts each minute of a day would take minutes.
 */
function copyFor(transport: Transport, file: string, atEnd: AtEnd): string {
  const text = readFileSync(join(ROOT, 'test/rules', file), 'utf8');
  const rules = isOfAlert(file)
    ? temporary('rules.yaml', withAlertsIn(text, committed(transport)), atEnd)
    : join(ROOT, PATHS[transport]);
  return temporary(file, renamed(text.replace(`../../${PATHS.pull}`, rules), transport), atEnd);
}

/** Whether the file of unit tests is that of one alert. The others are about all alerts. */
function isOfAlert(file: string): boolean {
  return ALERTS.some(({ name }) => file === `${name}.test.yaml`);
}

/** The rules without the alerts that the unit tests do not name. */
function withAlertsIn(tests: string, rules: string): string {
  const { groups } = parse(rules) as { groups: { rules: Rule[] }[] };
  const kept = groups.map(group => ({
    ...group,
    rules: group.rules.filter(rule => rule.alert === undefined || tests.includes(rule.alert)),
  }));
  return stringify({ groups: kept }, { lineWidth: 0 });
}

/** Replaces the metric names of the pull exporter by those of a transport. Recorded series keep their names. */
function renamed(text: string, transport: Transport): string {
  return METRICS.reduce((text, { name }) => {
    const pull = new RegExp(`(?<![\\w:])${prometheusName(name, 'pull')}(?=(_bucket|_count|_sum)?(?![\\w:]))`, 'g');
    return text.replace(pull, prometheusName(name, transport));
  }, text);
}

test('the copy of a unit test has the metric names of its transport', ({ onTestFinished }) => {
  const file = 'recording.test.yaml';

  expect(readFileSync(copyFor('pull', file, onTestFinished), 'utf8')).toContain(' connmeter_setup_wasted_total{');
  const otlp = readFileSync(copyFor('otlp', file, onTestFinished), 'utf8');
  expect(otlp).toContain(' connmeter_setup_wasted_seconds_total{');
  expect(otlp).toContain(' dns_lookup_duration_seconds_bucket{');
  expect(otlp).not.toMatch(/ (connmeter_setup_wasted_total|dns_lookup_duration_count)/);
  expect(otlp).toContain('(1000 * job:dns_lookup_duration:p95_rate5m)');
});

const titlesIn = (path: string) => allPanels(readDashboard(path)).map(({ title }) => title);

// --- the unit tests themselves

interface UnitTest {
  readonly alert_rule_test?: readonly { eval_time: string; alertname: string; exp_alerts?: readonly unknown[] }[];
  readonly promql_expr_test?: readonly { expr: string; exp_samples?: readonly unknown[] }[];
}

test('every alert has a file of unit tests, and every such file has an alert', () => {
  const ofAlerts = UNIT_TESTS.map(path => basename(path, '.test.yaml')).filter(name => /^[A-Z]/.test(name));

  expect(ofAlerts).toEqual(ALERTS.map(({ name }) => name).sort());
});

test.each(ALERTS.map(({ name }) => name))(
  'the tests of %s see it silent, firing one minute later, and silent again',
  name => {
    const { tests } = parse(readFileSync(join(ROOT, `test/rules/${name}.test.yaml`), 'utf8')) as { tests: UnitTest[] };
    const [first = {}, ...others] = tests;

    const moments = (first.alert_rule_test ?? []).map(({ eval_time, alertname, exp_alerts = [] }) => {
      expect(alertname).toBe(name);
      return { minute: Number(/^(\d+)m$/.exec(eval_time)?.[1]), firing: exp_alerts.length > 0 };
    });
    expect(moments.map(({ firing }) => firing)).toEqual([false, true, true, false]);
    expect(moments[1]?.minute).toBe((moments[0]?.minute ?? 0) + 1);
    const silences = others.flatMap(({ promql_expr_test: asked = [] }) =>
      asked.filter(({ expr, exp_samples }) => expr.includes('ALERTS') && exp_samples === undefined),
    );
    expect(silences.length).toBeGreaterThan(0);
  },
);

test('the services without a fault are up to date', () => {
  expect(readFileSync(join(ROOT, 'test/rules/services.test.yaml'), 'utf8')).toBe(servicesFile());
});

test('the unit tests check a value of every recorded series', () => {
  const { tests } = parse(readFileSync(join(ROOT, 'test/rules/recording.test.yaml'), 'utf8')) as { tests: UnitTest[] };
  const [{ promql_expr_test: asked = [] } = {}] = tests;

  expect(asked.map(({ expr }) => expr)).toEqual(
    rulesIn(committed('pull')).flatMap(({ record }) => (record === undefined ? [] : [`round(1000 * ${record})`])),
  );
  for (const { exp_samples = [] } of asked) expect(exp_samples.length).toBeGreaterThan(0);
});

// --- metrics and labels in the rules

describe.each(TRANSPORTS)('%s', transport => {
  const rules = rulesIn(committed(transport));

  test('is up to date', () => {
    expect(committed(transport)).toBe(rulesFile(transport));
  });

  test('records every series once, and has every alert', () => {
    expect(rules.flatMap(({ record = [] }) => record).sort()).toEqual(Object.values(RECORDED).sort());
    expect(rules.flatMap(({ alert = [] }) => alert)).toEqual(ALERTS.map(({ name }) => name));
  });

  test.each(rules.filter(({ alert }) => alert))(
    '$alert has a severity, a summary, a description, a panel, its address and a runbook',
    rule => {
      const { alert, labels, annotations = {} } = rule;

      expect(rule.for).toMatch(/^\d+m$/);
      expect(labels).toEqual({ severity: expect.stringMatching(/^(critical|warning|info)$/) });
      expect(Object.keys(annotations)).toEqual(['summary', 'description', 'panel', 'dashboard_url', 'runbook_url']);
      expect(annotations['summary']).toMatch(/^[A-Z][^{}]+\.$/);
      expect(annotations['description']).toMatch(/\{\{ \$labels\.job \}\}.*\.(\{\{ end \}\})*$/s);
      const [, uid = ''] =
        /^http:\/\/localhost:13000\/d\/([\w-]+)\?var-job=/.exec(annotations['dashboard_url'] ?? '') ?? [];
      expect(titlesIn(`dashboards/${uid}.json`)).toContain(annotations['panel']);
      expect(new URL(annotations['runbook_url'] ?? '')).toMatchObject({
        protocol: 'https:',
        pathname: expect.stringMatching(new RegExp(`/docs/runbooks/${alert}\\.md$`)),
      });
    },
  );

  test('queries only exported or recorded metrics, with labels that exist', () => {
    const known = new Set<string>([...Object.values(RECORDED), 'up', 'ALERTS', ...exported(transport)]);

    for (const { record, alert, expr, annotations } of rules) {
      const queries = [expr, ...queriesIn(annotations?.['description'])];
      for (const { metrics, labels } of queries.map(namesIn)) {
        expect(metrics.length, `${record ?? alert} queries a metric`).toBeGreaterThan(0);
        expect(
          metrics.filter(name => !known.has(name)),
          record ?? alert,
        ).toEqual([]);
        expect(
          labels.filter(name => !KNOWN_LABELS.has(name)),
          record ?? alert,
        ).toEqual([]);
      }
    }
  });

  test('uses no recorded series before its rule', () => {
    const records = rules.map(({ record }) => record);
    rules.forEach(({ expr }, index) => {
      for (const name of namesIn(expr).metrics) {
        if (name.includes(':')) expect(records.slice(0, index)).toContain(name);
      }
    });
  });
});

test('the rules of both transports differ only in metric names', () => {
  expect(committed('otlp')).toBe(renamed(committed('pull'), 'otlp'));
});

/** The names in Prometheus of all exported metrics. */
function exported(transport: Transport): string[] {
  return METRICS.flatMap(({ name, kind }) => {
    const metric = prometheusName(name, transport);
    return kind === 'histogram' ? ['_bucket', '_count', '_sum'].map(suffix => metric + suffix) : [metric];
  });
}

/** Labels of Prometheus and Kubernetes, and those in docs/metrics.md, which another test compares with a real scrape. */
const KNOWN_LABELS: ReadonlySet<string> = new Set([
  ...LEVELS.job,
  'instance',
  'le',
  'process_pid',
  ...['alertname', 'alertstate'],
  ...Array.from(
    readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8').matchAll(/^\| (?:Attributes \| .*|`[a-z.]+` \| .*) \|$/gm),
    ([row]) => Array.from(row.matchAll(/`([a-z_.]+)`/g), ([, name = '']) => name.replaceAll('.', '_')),
  ).flat(),
]);

/** The queries in a template. */
function queriesIn(description = ''): string[] {
  return Array.from(description.matchAll(/range printf `([^`]*)` \$own/g), ([, expr = '']) =>
    expr.replace('%s', 'job="x"'),
  );
}

/** The metrics and labels of a PromQL expression. */
function namesIn(expr: string): { metrics: string[]; labels: string[] } {
  const labels: string[] = [];
  const rest = expr
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\b(?:by|on) \(([^)]*)\)/g, (_, names) => {
      labels.push(...names.split(', '));
      return '';
    })
    .replaceAll(/\{([^}]*)\}/g, (_, matchers) => {
      labels.push(...Array.from(matchers.matchAll(/(\w+)(?:=~|!~|!=|=)/g), ([, name]: RegExpMatchArray) => name ?? ''));
      return '';
    })
    .replaceAll(/\[[^\]]*\]|\boffset \w+/g, '')
    .replaceAll(/\b[a-z_]+ *\(/g, '(');
  const words = Array.from(rest.matchAll(/[a-z_:][\w:]*/gi), ([word]) => word);
  return { metrics: words.filter(word => !['and', 'or', 'unless'].includes(word)), labels };
}

// --- durations

test('scaling down shortens every duration, and leaves the names unchanged', () => {
  const durations = (text: string) =>
    Array.from(text.matchAll(/\[(\w+)(?::(\w+))?\]|offset (\w+)|(?:for|interval): (\w+)/g), match =>
      match.slice(1).filter(part => part !== undefined),
    ).flat();
  const scaledDurations = scaledDown(30);
  const pairs = durationsOf(DURATIONS).map((seconds, index) => [
    promDuration(seconds),
    promDuration(durationsOf(scaledDurations)[index] ?? 0),
  ]);

  const scaled = new Map(pairs as [string, string][]);
  expect(durations(rulesFile('pull', scaledDurations))).toEqual(
    durations(rulesFile('pull')).map(each => scaled.get(each)),
  );
  expect(rulesIn(rulesFile('pull', scaledDurations)).flatMap(({ record = [] }) => record)).toEqual(
    rulesIn(rulesFile('pull')).flatMap(({ record = [] }) => record),
  );
});

function durationsOf({ baseline, targetLookback, ...others }: typeof DURATIONS): number[] {
  return [...Object.values(others), baseline.window, baseline.offset, targetLookback.range, targetLookback.step];
}

test.each([
  [1, '1s'],
  [90, '90s'],
  [300, '5m'],
  [3600, '1h'],
  [5400, '90m'],
  [86_400, '1d'],
])('%d seconds are %s for Prometheus', (seconds, text) => {
  expect(promDuration(seconds)).toBe(text);
});

test('an event that is shorter than the window fires no alert by default', () => {
  expect(DURATIONS.defaultFor).toBeGreaterThanOrEqual(2 * DURATIONS.window);
});
