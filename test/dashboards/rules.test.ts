import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { CLOCK, faster, written } from '../../dashboards/source/durations.ts';
import { SPELLINGS, type Spelling, spell } from '../../dashboards/source/metric-names.ts';
import { ALERTS } from '../../dashboards/source/rules/alerts.ts';
import { LEVELS, RECORDED } from '../../dashboards/source/rules/recording-rules.ts';
import { rulesFile } from '../../dashboards/source/rules/rules-file.ts';
import { METRICS } from '../../src/instruments.ts';
import { readDashboard } from '../support/dashboards.ts';
import { pathOf, skipped, testWith } from '../support/installed.ts';

const ROOT = join(import.meta.dirname, '../..');
const PATHS: Readonly<Record<Spelling, string>> = {
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

const committed = (spelling: Spelling) => readFileSync(join(ROOT, PATHS[spelling]), 'utf8');
const rulesIn = (text: string): Rule[] => parse(text).groups.flatMap(({ rules }: { rules: Rule[] }) => rules);

/** promtool's unit tests, as they are written: in the spelling of the pull exporter. */
const UNIT_TESTS = globSync('test/rules/*.test.yaml', { cwd: ROOT }).sort();

// --- promtool: Prometheus 2, and 3 where there is one

/** A day of rules takes promtool three seconds; on a busy machine, many times that. */
const PATIENCE = 120_000;

const { CONNMETER_PROMETHEUS3 } = process.env;
const PROMTOOL3 = CONNMETER_PROMETHEUS3 && pathOf('promtool', CONNMETER_PROMETHEUS3);
const PROMTOOLS = [
  { generation: "the system's promtool", promtool: 'promtool', test: testWith('promtool') },
  {
    generation: 'promtool 3',
    promtool: PROMTOOL3 ?? '',
    test: PROMTOOL3 ? test : skipped('no rule is tested by promtool 3: CONNMETER_PROMETHEUS3 names no folder with it'),
  },
] as const;

describe.each(PROMTOOLS)('$generation', { timeout: PATIENCE }, ({ promtool, test }) => {
  test.each(SPELLINGS)('finds nothing to complain of, %s', spelling => {
    const { status, output } = run(
      promtool,
      'check',
      'rules',
      '--lint=all',
      '--lint-fatal',
      join(ROOT, PATHS[spelling]),
    );

    expect(output).toContain(`SUCCESS: ${rulesIn(committed(spelling)).length} rules found`);
    expect(status).toBe(0);
  });

  test.each(UNIT_TESTS.flatMap(path => SPELLINGS.map(spelling => [basename(path), spelling, path] as const)))(
    '%s, %s',
    (_, spelling, path) => {
      const { status, output } = run(promtool, 'test', 'rules', spelledFor(spelling, path));

      expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining('SUCCESS') });
    },
  );

  test('takes the rules with a faster clock', () => {
    const file = temporary('faster.yaml', rulesFile('otlp', faster(30)));

    expect(run(promtool, 'check', 'rules', '--lint=all', '--lint-fatal', file).output).toContain('SUCCESS');
  });
});

function run(program: string, ...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: PATIENCE });
  return { status, output: stdout + stderr };
}

function temporary(name: string, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-rules-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A unit test for one of the spellings: a copy with other names, for other rules. */
function spelledFor(spelling: Spelling, path: string): string {
  const text = readFileSync(join(ROOT, path), 'utf8').replace(`../../${PATHS.pull}`, join(ROOT, PATHS[spelling]));
  return temporary(basename(path), respelled(text, spelling));
}

/** A text of the pull exporter's names with those of another spelling. Recorded names have no spelling. */
function respelled(text: string, spelling: Spelling): string {
  return METRICS.reduce((text, { name }) => {
    const pull = new RegExp(`(?<![\\w:])${spell(name, 'pull')}(?=(_bucket|_count|_sum)?(?![\\w:]))`, 'g');
    return text.replace(pull, spell(name, spelling));
  }, text);
}

test('a unit test says the same in both spellings, with the names of each', () => {
  const [path = ''] = UNIT_TESTS.filter(path => path.includes('recording'));

  expect(readFileSync(spelledFor('pull', path), 'utf8')).toContain(' connmeter_setup_wasted_total{');
  const otlp = readFileSync(spelledFor('otlp', path), 'utf8');
  expect(otlp).toContain(' connmeter_setup_wasted_seconds_total{');
  expect(otlp).toContain(' dns_lookup_duration_seconds_bucket{');
  expect(otlp).not.toMatch(/ (connmeter_setup_wasted_total|dns_lookup_duration_count)/);
  expect(otlp).toContain('(1000 * job:dns_lookup_duration:p95_rate5m)');
});

const PANELS = ['dashboards/connmeter.json', 'dashboards/connmeter-fleet.json'].flatMap(path =>
  readDashboard(path).panels.map(({ title }) => title),
);

// --- the unit tests themselves

interface UnitTest {
  readonly alert_rule_test?: readonly { eval_time: string; alertname: string; exp_alerts?: readonly unknown[] }[];
  readonly promql_expr_test?: readonly { expr: string; exp_samples?: readonly unknown[] }[];
}

test('each alert has its unit tests, and nobody else has', () => {
  const ofAlerts = UNIT_TESTS.map(path => basename(path, '.test.yaml')).filter(name => /^[A-Z]/.test(name));

  expect(ofAlerts).toEqual(ALERTS.map(({ name }) => name).sort());
});

test.each(ALERTS.map(({ name }) => name))('the tests of %s see it silent, a minute later firing, and gone', name => {
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
});

test('each recorded series has a value in the unit tests', () => {
  const { tests } = parse(readFileSync(join(ROOT, 'test/rules/recording.test.yaml'), 'utf8')) as { tests: UnitTest[] };
  const [{ promql_expr_test: asked = [] } = {}] = tests;

  expect(asked.map(({ expr }) => expr)).toEqual(
    rulesIn(committed('pull')).flatMap(({ record }) => (record === undefined ? [] : [`round(1000 * ${record})`])),
  );
  for (const { exp_samples = [] } of asked) expect(exp_samples.length).toBeGreaterThan(0);
});

// --- what the rules ask for

describe.each(SPELLINGS)('%s', spelling => {
  const rules = rulesIn(committed(spelling));

  test('is what the source says', () => {
    expect(committed(spelling)).toBe(rulesFile(spelling));
  });

  test('records every series once, and alerts by every entry of the table', () => {
    expect(rules.flatMap(({ record = [] }) => record).sort()).toEqual(Object.values(RECORDED).sort());
    expect(rules.flatMap(({ alert = [] }) => alert)).toEqual(ALERTS.map(({ name }) => name));
  });

  test.each(rules.filter(({ alert }) => alert))(
    '$alert says how urgent it is, what is wrong, by how much, and what to do',
    rule => {
      const { alert, labels, annotations = {} } = rule;

      expect(rule.for).toMatch(/^\d+m$/);
      expect(labels).toEqual({ severity: expect.stringMatching(/^(critical|warning|info)$/) });
      expect(Object.keys(annotations)).toEqual(['summary', 'description', 'dashboard', 'runbook_url']);
      expect(annotations['summary']).toMatch(/^[A-Z][^{}]+\.$/);
      expect(annotations['description']).toMatch(/\{\{ \$labels\.job \}\}.*\.(\{\{ end \}\})*$/s);
      expect(PANELS).toContain(/^Panel "(.+)"$/.exec(annotations['dashboard'] ?? '')?.[1]);
      expect(new URL(annotations['runbook_url'] ?? '')).toMatchObject({
        protocol: 'https:',
        pathname: expect.stringMatching(new RegExp(`/docs/runbooks/${alert}\\.md$`)),
      });
    },
  );

  test('asks only for what is exported or recorded, by labels that there are', () => {
    const known = new Set<string>([...Object.values(RECORDED), 'up', ...exported(spelling)]);

    for (const { record, alert, expr, annotations } of rules) {
      const questions = [expr, ...questionsIn(annotations?.['description'])];
      for (const { metrics, labels } of questions.map(asked)) {
        expect(metrics.length, `${record ?? alert} asks for something`).toBeGreaterThan(0);
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

  test('asks for nothing before it is recorded', () => {
    const records = rules.map(({ record }) => record);
    rules.forEach(({ expr }, index) => {
      for (const name of asked(expr).metrics) {
        if (name.includes(':')) expect(records.slice(0, index)).toContain(name);
      }
    });
  });
});

test('both spellings record the same and alert alike', () => {
  expect(committed('otlp')).toBe(respelled(committed('pull'), 'otlp'));
});

/** The names that Prometheus has for what we export. */
function exported(spelling: Spelling): string[] {
  return METRICS.flatMap(({ name, kind }) => {
    const spelled = spell(name, spelling);
    return kind === 'histogram' ? ['_bucket', '_count', '_sum'].map(suffix => spelled + suffix) : [spelled];
  });
}

/** Those of Prometheus and Kubernetes, and those of the docs, which are held against a real scrape. */
const KNOWN_LABELS: ReadonlySet<string> = new Set([
  ...LEVELS.job,
  'instance',
  'le',
  ...Array.from(
    readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8').matchAll(/^\| (?:Attributes \| .*|`[a-z.]+` \| .*) \|$/gm),
    ([row]) => Array.from(row.matchAll(/`([a-z_.]+)`/g), ([, name = '']) => name.replaceAll('.', '_')),
  ).flat(),
]);

/** What a template has Prometheus answer. */
function questionsIn(description = ''): string[] {
  return Array.from(description.matchAll(/range printf `([^`]*)` \$own/g), ([, question = '']) =>
    question.replace('%s', 'job="x"'),
  );
}

/** The metrics and labels of a PromQL expression. */
function asked(expr: string): { metrics: string[]; labels: string[] } {
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

// --- the clock

test('a clock that runs faster has every duration shorter, and the names as they were', () => {
  const durations = (text: string) =>
    Array.from(text.matchAll(/\[(\w+)(?::(\w+))?\]|offset (\w+)|(?:for|interval): (\w+)/g), match =>
      match.slice(1).filter(part => part !== undefined),
    ).flat();
  const quick = faster(30);
  const pairs = durationsOf(CLOCK).map((seconds, index) => [written(seconds), written(durationsOf(quick)[index] ?? 0)]);

  const scaled = new Map(pairs as [string, string][]);
  expect(durations(rulesFile('pull', quick))).toEqual(durations(rulesFile('pull')).map(each => scaled.get(each)));
  expect(rulesIn(rulesFile('pull', quick)).flatMap(({ record = [] }) => record)).toEqual(
    rulesIn(rulesFile('pull')).flatMap(({ record = [] }) => record),
  );
});

function durationsOf({ past, memory, ...others }: typeof CLOCK): number[] {
  return [...Object.values(others), past.over, past.ago, memory.over, memory.step];
}

test.each([
  [1, '1s'],
  [90, '90s'],
  [300, '5m'],
  [3600, '1h'],
  [5400, '90m'],
  [86_400, '1d'],
])('%d seconds are written %s', (seconds, text) => {
  expect(written(seconds)).toBe(text);
});

test('whatever is over within a window is over before it fires', () => {
  expect(CLOCK.lasting).toBeGreaterThanOrEqual(2 * CLOCK.window);
});
