import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { GENERATED } from '../../dashboards/source/generated-files.ts';
import { DOCS } from '../../dashboards/source/links.ts';
import { prometheusName, TRANSPORTS } from '../../dashboards/source/metric-names.ts';
import { PromQL } from '../../dashboards/source/promql.ts';
import { LEVELS, RECORDED } from '../../dashboards/source/rules/recorded-series.ts';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { CLOSE_REASONS, SERVER_CLOSE_REASONS } from '../../src/core/reasons.ts';
import { METRICS } from '../../src/metrics/table.ts';
import {
  allPanels,
  annotationsOf,
  type DashboardJson,
  type PanelJson,
  queriesOf,
  readDashboard,
  variablesOf,
} from '../support/dashboards.ts';
import { testWith } from '../support/installed.ts';
import { type Allowed, panels, queries, RULES } from './lint.ts';
import { groupedBy, selectorsOf, withoutSelectors } from './selectors.ts';

const ROOT = join(import.meta.dirname, '../..');

const MAIN = [
  { path: 'dashboards/connmeter.json', transport: 'pull' },
  { path: 'dashboards/otlp/connmeter.json', transport: 'otlp' },
] as const;
const FLEET = ['dashboards/connmeter-fleet.json', 'dashboards/otlp/connmeter-fleet.json'] as const;
const ALL = [...MAIN.map(({ path }) => path), ...FLEET];

describe.each(Object.keys(GENERATED))('%s', path => {
  test('is what `npm run dashboards` writes', () => {
    expect(readFileSync(join(ROOT, path), 'utf8')).toBe(GENERATED[path]?.());
  });
});

test('dashboards/ has no other JSON or YAML files', () => {
  expect(globSync('dashboards/**/*.{json,yaml}', { cwd: ROOT }).sort()).toEqual(Object.keys(GENERATED).sort());
});

describe.each(ALL)('%s', path => {
  const dashboard = readDashboard(path);
  const recorded = path.includes('fleet');
  const allowed: Allowed = { recorded, now: ['Servers', 'Failures'], ofJobs: ['Alerts'] };

  test.each(Object.keys(RULES))('passes %s of Grafana’s linter', rule => {
    expect(RULES[rule]?.(dashboard, allowed)).toEqual([]);
  });

  test('has the schema of Grafana 11 to 13, and no fields of a single installation', () => {
    expect(Object.keys(dashboard).sort()).toEqual([
      'annotations',
      'description',
      'editable',
      'fiscalYearStartMonth',
      'graphTooltip',
      'links',
      'panels',
      'refresh',
      'schemaVersion',
      'tags',
      'templating',
      'time',
      'timezone',
      'title',
      'uid',
    ]);
    expect(dashboard).toMatchObject({
      schemaVersion: 39,
      graphTooltip: 1,
      refresh: '30s',
      time: { from: 'now-1h', to: 'now' },
      uid: recorded ? 'connmeter-fleet' : 'connmeter',
    });
    expect(dashboard.panels.filter(({ type }) => !['row', 'stat', 'timeseries', 'table'].includes(type))).toEqual([]);
    const steps = panels(dashboard).flatMap(({ transformations = [] }) => transformations.map(({ id }) => id));
    expect(steps.filter(id => !['merge', 'organize', 'sortBy'].includes(id))).toEqual([]);
  });

  test('has unique panel ids, and unique refIds in each panel', () => {
    const ids = allPanels(dashboard).map(({ id }) => id);
    expect([...new Set(ids)]).toEqual(ids);

    for (const { title, targets = [] } of panels(dashboard)) {
      const refIds = targets.map(({ refId }) => refId);
      expect([title, ...new Set(refIds)]).toEqual([title, ...refIds]);
    }
  });

  test('fills the grid without overlaps and gaps', () => {
    const rows = dashboard.panels.filter(({ panels = [] }) => panels.length > 0);
    for (const panels of [dashboard.panels, ...rows.map(({ panels = [] }) => panels)]) {
      const cells = panels.flatMap(({ gridPos }) => cellsOf(gridPos));
      const lines = panels.flatMap(({ gridPos: { y, h } }) => [y, y + h]);

      expect(cells.length).toBe(new Set(cells).size);
      expect(cells.length).toBe(24 * (Math.max(...lines) - Math.min(...lines)));
    }
    // Grafana shows them below their row.
    for (const { gridPos, panels = [] } of rows) expect(panels[0]?.gridPos.y).toBe(gridPos.y + 1);
  });

  test('has panels that are large enough for their legend or number', () => {
    const minimum = { timeseries: [6, 9], stat: [4, 5], table: [6, 8] } as Record<string, [number, number]>;
    const tooSmall = panels(dashboard).filter(({ type, gridPos: { w, h } }) => {
      const [width = 24, height = 24] = minimum[type] ?? [];
      return w < width || h < height;
    });

    expect(tooSmall.map(({ title }) => title)).toEqual([]);
  });

  test('describes in each panel what is good, what is bad and what to do, and has a text for panels without data', () => {
    for (const { title, description = '', fieldConfig } of panels(dashboard)) {
      expect([title, description]).toEqual([
        title,
        expect.stringMatching(/^.{20,}\n\n\*\*Good:\*\* .+\n\n\*\*Bad:\*\* .+\n\n\*\*What to do:\*\* .+/),
      ]);
      expect([title, fieldConfig?.defaults.noValue]).toEqual([title, expect.stringMatching(/\w{3}/)]);
      expect([title, fieldConfig?.defaults.min]).toEqual([title, 0]);
    }
    const headings = panels(dashboard).map(({ title }) => title);
    expect(new Set(headings).size).toBe(headings.length);
  });

  test('links only to pages and headings of the docs that exist', () => {
    const links = Array.from(
      JSON.stringify(dashboard).matchAll(new RegExp(`${DOCS}/([^)"\\\\]+)`, 'g')),
      ([, link = '']) => link,
    );

    expect(links.length).toBeGreaterThan(10);
    expect([...new Set(links)].filter(link => !link.includes('$') && !isInDocs(link))).toEqual([]);
  });

  test('uses in each legend only labels of its query', () => {
    for (const { title, targets = [] } of panels(dashboard)) {
      for (const { expr, legendFormat = '' } of targets) {
        const named = Array.from(legendFormat.matchAll(/\{\{(\w+)\}\}/g), ([, label = '']) => label);
        expect([title, named.filter(label => !groupedBy(expr).includes(label))]).toEqual([title, []]);
      }
    }
  });

  test('has one override and one query or label for each column of a table', () => {
    for (const panel of panels(dashboard).filter(({ type }) => type === 'table')) {
      const { renameByName, excludeByName } = organizing(panel);
      const titles = Object.values(renameByName);
      expect(overridden(panel)).toEqual(titles);

      const { targets = [] } = panel;
      const values = targets.length === 1 ? ['Value'] : targets.map(({ refId }) => `Value #${refId}`);
      const used = [...Object.keys(renameByName), ...Object.keys(excludeByName)];
      expect(used.filter(field => field.startsWith('Value')).sort()).toEqual(values.sort());
      const labels = Object.keys(renameByName).filter(field => !field.startsWith('Value'));
      const returned = (panel.targets ?? []).flatMap(({ expr }) => groupedBy(expr));
      expect(labels.filter(label => !returned.includes(label))).toEqual([]);
      expect((panel.targets ?? []).every(({ format, instant }) => format === 'table' && instant)).toBe(true);
    }
  });

  test('never divides by zero, and computes quantiles from sums by le', () => {
    for (const { panel, expr } of queries(dashboard)) {
      const divisors = Array.from(expr.matchAll(/ \/ (.{0,9})/g), ([, divisor = '']) => divisor);
      expect([panel.title, divisors.filter(divisor => !divisor.startsWith('(sum'))]).toEqual([panel.title, []]);
      expect(expr.match(/ > 0\)/g)?.length ?? 0).toBeGreaterThanOrEqual(divisors.length);
      expect([panel.title, expr.match(/histogram_quantile/g)?.length]).toEqual([
        panel.title,
        expr.match(/histogram_quantile\([\d.]+, sum by \(le[^)]*\) \(rate\(\w+_bucket\{/g)?.length,
      ]);
    }
  });
});

describe.each(MAIN)('$path', ({ path, transport }) => {
  const dashboard = readDashboard(path);
  /** The queries for metrics; that of the alerts asks for alerts. */
  const metricQueries = queries(dashboard).filter(({ panel }) => panel.title !== 'Alerts');
  const metrics = new Map<string, (typeof METRICS)[number]>(
    METRICS.map(metric => [prometheusName(metric.name, transport), metric]),
  );

  test('queries only exported metrics, with the suffixes of their kind', () => {
    for (const { panel, expr } of metricQueries) {
      expect([
        panel.title,
        withoutSelectors(expr)
          .match(/[a-z]\w*_\w+/g)
          ?.filter(word => !FUNCTIONS.includes(word)) ?? [],
      ]).toEqual([panel.title, []]);
      for (const { metric } of selectorsOf(expr)) {
        const [, name = metric, part] = /^(.+)_(bucket|count|sum)$/.exec(metric) ?? [];
        expect([metric, metrics.get(name)?.kind === 'histogram']).toEqual([metric, part !== undefined]);
        expect(metrics.has(name)).toBe(true);
      }
    }
  });

  test('shows every exported metric', () => {
    const queried = metricQueries.flatMap(({ expr }) =>
      selectorsOf(expr).map(({ metric }) => metric.replace(/_(bucket|count|sum)$/, '')),
    );
    const shown = new Set(queried.map(name => metrics.get(name)?.name));

    expect(METRICS.map(({ name }) => name).filter(name => !shown.has(name))).toEqual(NOT_SHOWN);
  });

  test('uses only labels that the metric has', () => {
    for (const { panel, expr } of metricQueries) {
      const known = new Set(['le', 'verdict']);
      for (const { metric, matchers } of selectorsOf(expr)) {
        const name = metrics.get(metric.replace(/_(bucket|count|sum)$/, ''))?.name ?? metric;
        const labels = [
          ...labelsOf(name),
          'cluster',
          'namespace',
          'job',
          'instance',
          ...(metric.endsWith('_bucket') ? ['le'] : []),
        ];
        for (const label of labels) known.add(label);
        expect([panel.title, metric, Object.keys(matchers).filter(label => !labels.includes(label))]).toEqual([
          panel.title,
          metric,
          [],
        ]);
        const ofServer = /^(origin|`server\.address`)/.test(attributesOf(name));
        expect([metric, 'server_address' in matchers]).toEqual([metric, ofServer]);
      }
      expect([panel.title, groupedBy(expr).filter(label => !known.has(label))]).toEqual([panel.title, []]);
    }
  });
});

describe.each(FLEET)('%s', path => {
  const dashboard = readDashboard(path);

  test('queries only recorded series, with labels that they have', () => {
    for (const { panel, expr } of queries(dashboard)) {
      expect([
        panel.title,
        withoutSelectors(expr)
          .match(/[a-z]\w*_\w+/g)
          ?.filter(word => !FUNCTIONS.includes(word)) ?? [],
      ]).toEqual([panel.title, []]);
      const known = new Set<string>(['verdict']);
      for (const { metric, window } of selectorsOf(expr)) {
        expect(Object.values<string>(RECORDED)).toContain(metric);
        expect(window).toBeUndefined();
        for (const label of LEVELS[metric.split(':')[0] as keyof typeof LEVELS]) known.add(label);
      }
      expect([panel.title, groupedBy(expr).filter(label => !known.has(label))]).toEqual([panel.title, []]);
    }
  });
});

test('the dashboards of both transports differ only in metric names', () => {
  const [pull, otlp] = MAIN.map(({ path }) => readFileSync(join(ROOT, path), 'utf8')) as [string, string];
  const names = METRICS.map(
    ({ name }) => TRANSPORTS.map(transport => prometheusName(name, transport)) as [string, string],
  );

  expect(otlp).not.toBe(pull);
  expect(
    names
      .filter(([a, b]) => a !== b)
      .reduce((text, [a, b]) => text.replaceAll(new RegExp(`\\b${a}(?=_(?:bucket|count|sum)\\{|\\{)`, 'g'), b), pull),
  ).toBe(otlp);
});

testWith('promtool')('promtool accepts every query, variable and annotation', () => {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-dashboards-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'queries.yaml');
  const exprs = ALL.map(path => readDashboard(path)).flatMap(dashboard => [
    ...queriesOf(dashboard).map(({ expr }) => expr),
    ...variablesOf(dashboard).map(({ match }) => match),
    ...annotationsOf(dashboard).map(({ expr }) => expr),
  ]);
  const rules = exprs.map((expr, index) => ({ record: `query:${index}`, expr }));
  writeFileSync(file, stringify({ groups: [{ name: 'queries', rules }] }));

  const { stdout, stderr } = spawnSync('promtool', ['check', 'rules', file], { encoding: 'utf8' });

  expect(stderr).toBe('');
  expect(stdout).toContain(`SUCCESS: ${exprs.length} rules found`);
  expect(exprs.length).toBeGreaterThan(100);
});

test('every query variable lists the values of a label', () => {
  const counts = ALL.map(path => [path, variablesOf(readDashboard(path)).map(({ name }) => name)]);

  expect(counts).toEqual([
    ['dashboards/connmeter.json', ['cluster', 'namespace', 'job', 'instance', 'server']],
    ['dashboards/otlp/connmeter.json', ['cluster', 'namespace', 'job', 'instance', 'server']],
    ['dashboards/connmeter-fleet.json', ['cluster', 'namespace', 'job']],
    ['dashboards/otlp/connmeter-fleet.json', ['cluster', 'namespace', 'job']],
  ]);
});

test('PromQL throws for a metric or a boundary that does not exist', () => {
  const promql = new PromQL('pull');

  expect(() => promql.rate('connmeter.nothing')).toThrow('no metric');
  expect(() => promql.rateUpTo('connmeter.connection.requests', 3)).toThrow('no boundary');
  expect(() => promql.rateUpTo('connmeter.requests', 1)).toThrow('no histogram');
});

test('links to the docs lead to the repository of the package', () => {
  const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    repository: { url: string };
  };

  expect(DOCS).toBe(repository.url.replace(/^git\+(.+)\.git$/, '$1/blob/main/docs'));
});

test('links open the docs, or the main dashboard with the right variables', () => {
  const main = readDashboard('dashboards/connmeter.json');
  const fleet = readDashboard('dashboards/connmeter-fleet.json');
  const PLACE = '{datasource:queryparam}&{cluster:queryparam}&{namespace:queryparam}';
  const linkUrls = (dashboard: DashboardJson) => [...new Set(linksOf(dashboard).map(link => link.replaceAll('$', '')))];

  expect(linkUrls(main)).toEqual([
    `${DOCS}/causes.md#{__field.labels.anchor}`,
    `${DOCS}/causes.md#reason-{__field.labels.connmeter_close_reason}`,
    `/d/connmeter?var-server={__field.labels.server_address:percentencode}&${PLACE}&{job:queryparam}&{instance:queryparam}&__url_time_range`,
    `${DOCS}/causes.md#served-{__field.labels.connmeter_close_reason}`,
    `/d/connmeter?var-server={__data.fields.server_address:percentencode}&${PLACE}&{job:queryparam}&{instance:queryparam}&__url_time_range`,
    `${DOCS}/{__data.fields.verdict:raw}`,
    `${DOCS}/{__data.fields.page:raw}`,
  ]);
  expect(linkUrls(fleet)).toEqual([
    `/d/connmeter?var-job={__field.labels.job:percentencode}&${PLACE}&__url_time_range`,
    `/d/connmeter?var-job={__data.fields.job:percentencode}&${PLACE}&__url_time_range`,
    `${DOCS}/{__data.fields.verdict:raw}`,
    `/d/connmeter?var-job={__data.fields.job:percentencode}&var-server={__data.fields.server_address:percentencode}&${PLACE}&__url_time_range`,
  ]);
  expect(main.templating.list.map(({ name }) => name)).toEqual([
    'datasource',
    'cluster',
    'namespace',
    'job',
    'instance',
    'server',
  ]);
  expect(
    [
      ...OPEN_CAUSES.map(cause => `cause-${cause}`),
      ...CLOSE_REASONS.map(reason => `reason-${reason}`),
      ...SERVER_CLOSE_REASONS.map(reason => `served-${reason}`),
    ].filter(anchor => !isInDocs(`causes.md#${anchor}`)),
  ).toEqual([]);
});

test('the pages that tables link to exist, and their texts fit the columns', () => {
  const mappings = ALL.flatMap(path => panels(readDashboard(path))).flatMap(({ fieldConfig }) =>
    (fieldConfig?.overrides ?? []).flatMap(({ properties }) =>
      properties.flatMap(({ id, value }) => (id === 'mappings' ? (value as { options: object }[]) : [])),
    ),
  );
  const texts = new Map(mappings.flatMap(({ options }) => Object.entries(options as Record<string, { text: string }>)));

  expect(texts.size).toBeGreaterThan(50);
  expect([...texts.keys()].filter(page => !isInDocs(page))).toEqual([]);
  expect([...texts.values()].filter(({ text }) => text.length > 33)).toEqual([]);
});

test('links use only labels of their query', () => {
  for (const dashboard of ALL.map(path => readDashboard(path))) {
    for (const { title, fieldConfig, targets = [] } of panels(dashboard)) {
      const used = Array.from(
        JSON.stringify(fieldConfig).matchAll(/__(?:field\.labels|data\.fields)\.(\w+)/g),
        ([, label = '']) => label,
      );
      const added = targets.flatMap(({ expr }) =>
        Array.from(expr.matchAll(/label_replace\(.*?, "(\w+)"/g), ([, label = '']) => label),
      );
      const returned = [...targets.flatMap(({ expr }) => groupedBy(expr)), ...added];
      expect([title, used.filter(label => !returned.includes(label))]).toEqual([title, []]);
    }
  }
});

test.each(['dashboards', 'dashboards/otlp'])('the panels in the alerts of %s exist', folder => {
  const dashboards = ['connmeter.json', 'connmeter-fleet.json'].map(name => readDashboard(`${folder}/${name}`));
  const titles = dashboards.flatMap(dashboard => panels(dashboard).map(({ title }) => title));
  const rules = readFileSync(join(ROOT, folder, 'rules/connmeter.yaml'), 'utf8');
  const named = Array.from(rules.matchAll(/^ +panel: (.+)$/gm), ([, title = '']) => title);

  expect(named.length).toBe(rules.match(/alert: /g)?.length);
  expect(named.filter(title => !titles.includes(title))).toEqual([]);
});

/** Metrics that no panel shows: none. A new metric needs a panel in dashboards/source/rows. */
const NOT_SHOWN: readonly string[] = [];

const FUNCTIONS = ['histogram_quantile', 'label_replace', 'avg_over_time', 'clamp_max', 'group_left'];

/** The labels of a metric, from docs/metrics.md. Another test compares them with a real scrape. */
function labelsOf(name: string): string[] {
  const attributes = attributesOf(name);
  const own = Array.from(attributes.matchAll(/`([^`]+)`/g), ([, attribute = '']) => attribute.replaceAll('.', '_'));
  const ofServer = /^(origin|listener)/.test(attributes); // a server that is called, or one of the process itself
  return ofServer ? ['server_address', 'server_port', 'network_protocol_name', ...own] : own;
}

function attributesOf(name: string): string {
  const section = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
    .split(/^## /m)
    .find(section => section.startsWith(`\`${name}\``));
  const [, attributes = ''] = /^\| Attributes \| (.*)\|$/m.exec(section ?? '') ?? [];
  return attributes;
}

function isInDocs(link: string): boolean {
  const [page = '', anchor] = link.split('#');
  const file = join(ROOT, 'docs', page);
  if (!existsSync(file)) return false;

  const text = readFileSync(file, 'utf8');
  const headings = Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  return anchor === undefined || headings.includes(anchor) || text.includes(`<a id="${anchor}">`);
}

function cellsOf({ x, y, w, h }: PanelJson['gridPos']): string[] {
  return Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`);
}

function organizing({ transformations = [] }: PanelJson) {
  return transformations.find(({ id }) => id === 'organize')?.options as {
    renameByName: Record<string, string>;
    excludeByName: Record<string, boolean>;
  };
}

function overridden({ fieldConfig }: PanelJson): unknown[] {
  return fieldConfig?.overrides.map(({ matcher }) => matcher.options) ?? [];
}

/** The links of series, then those of cells. */
function linksOf(dashboard: DashboardJson): string[] {
  const configs = panels(dashboard).flatMap(({ fieldConfig }) => (fieldConfig === undefined ? [] : [fieldConfig]));
  const properties = configs.flatMap(({ overrides }) => overrides.flatMap(({ properties }) => properties));
  const ofCells = properties.filter(({ id }) => id === 'links').flatMap(({ value }) => value as { url: string }[]);
  return [...configs.flatMap(({ defaults }) => defaults.links ?? []), ...ofCells].map(({ url }) => url);
}
