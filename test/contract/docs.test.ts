import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { parseExposition, type Sample } from '../../examples/demo/exposition.ts';
import { BOUNDARIES } from '../../src/metrics/histograms.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { checkedOptions } from '../../src/options.ts';
import { readEnvironment } from '../../src/register/environment.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const README = read('README.md');

/** The table rows of docs/metrics.md, by metric. */
const documented = new Map(
  read('docs/metrics.md')
    .split(/^## /m)
    .flatMap(section => {
      const [, name] = /^`(\S+)`\n/.exec(section) ?? [];
      return name === undefined ? [] : [[name, tableOf(section)] as const];
    }),
);

function tableOf(section: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(section.matchAll(/^\| ([^|]+?) \| (.*?) ?\|$/gm), ([, key = '', value = '']) => [key, value]),
  );
}

const codeIn = (text = '') => Array.from(text.matchAll(/`([^`]+)`/g), ([, code = '']) => code);

const KINDS = { counter: 'Counter', upDownCounter: 'UpDownCounter', histogram: 'Histogram' };
const underscored = (name: string) => name.replaceAll('.', '_');

test('docs/metrics.md has exactly the metrics of the code, in the same order', () => {
  expect([...documented.keys()]).toEqual(METRICS.map(({ name }) => name));
});

test.each(METRICS)('docs/metrics.md describes $name correctly', metric => {
  const { name, kind, unit } = metric;
  const total = kind === 'counter' ? '_total' : '';
  const seconds = unit === 's' ? '_seconds' : '';

  expect(documented.get(name)).toMatchObject({
    Kind: KINDS[kind],
    Unit: `\`${unit}\``,
    'Pull exporter': `\`${underscored(name)}${total}\``,
    OTLP: `\`${underscored(name)}${seconds}${total}\``,
    Initialised: expect.stringMatching(kind === 'histogram' ? /^with the first event$/ : /./),
  });
  const { Buckets } = documented.get(name) ?? {};
  expect(Buckets).toBe(kind === 'histogram' ? BOUNDARIES[metric.name].join(', ') : undefined);
});

test('a real scrape has exactly the metrics and labels of the docs', async () => {
  const samples = await scrapeOfEveryKindOfEvent();

  const originLabels = ['network_protocol_name', 'server_address', 'server_port'];
  const promised = Object.fromEntries(
    Array.from(documented.values(), ({ Attributes, 'Pull exporter': name }) => [
      codeIn(name)[0],
      [
        ...codeIn(Attributes).map(underscored),
        ...(/^(origin|listener)/.test(Attributes ?? '') ? originLabels : []),
      ].sort(),
    ]),
  );
  expect(labelsByMetric(samples)).toEqual(promised);

  const [target] = samples.filter(({ name }) => name === 'target_info');
  expect(target?.labels).toMatchObject({ service_name: 'docs-test', deployment_environment_name: 'contract' });
});

/** All labels of the series of each metric, without those of the exporter itself. */
function labelsByMetric(samples: readonly Sample[]): Record<string, string[]> {
  const found = new Map<string, Set<string>>();
  for (const { name, labels } of samples) {
    if (name === 'target_info') continue;

    const metric = name.replace(/_(bucket|sum|count)$/, '');
    const known = found.get(metric) ?? new Set();
    for (const label of Object.keys(labels)) if (label !== 'le' && !label.startsWith('otel_scope_')) known.add(label);
    found.set(metric, known);
  }
  return Object.fromEntries(Array.from(found, ([metric, labels]) => [metric, [...labels].sort()]));
}

async function scrapeOfEveryKindOfEvent(): Promise<Sample[]> {
  const port = await freePort();
  const child = fork(join(import.meta.dirname, 'all-events.ts'), {
    cwd: ROOT,
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', './dist/register.js'],
    env: {
      ...process.env,
      OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
      OTEL_SERVICE_NAME: 'docs-test',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=contract',
    },
  });
  try {
    const [answer] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
    expect(answer).toBe('done');
    return await until(
      async () => parseExposition(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()),
      samples =>
        ['http_client_connection_duration_count', 'connmeter_threadpool_delay'].every(each =>
          samples.some(({ name }) => name === each),
        ),
    );
  } finally {
    child.kill();
  }
}

test('the README has exactly the metrics of the code', () => {
  const rows = Array.from(README.matchAll(/^\| `((?:connmeter|http|dns)\.[\w.]+)` \|/gm), ([, name]) => name);

  expect(rows).toEqual(METRICS.map(({ name }) => name));
});

test.each(['README.md', 'docs/causes.md', 'docs/both-sides.md', 'docs/databases.md'])(
  'PromQL in %s uses only metrics and labels of the pull exporter',
  file => {
    const queries = Array.from(read(file).matchAll(/```promql\n([^`]*)```/g), ([, query = '']) => query);
    const pull = new Map(
      Array.from(documented.values(), ({ 'Pull exporter': name, Kind, Attributes = '' }) => [
        codeIn(name)[0] ?? '',
        { Kind, Attributes },
      ]),
    );

    expect(queries.length).toBeGreaterThan(0);
    for (const query of queries) {
      const asked = query.match(/\b(?:connmeter|http_client|dns_lookup)_\w+(?=[[{)\s]|$)(?!\) ?\()/g) ?? [];
      const series = asked.filter(name => !/by \([^)]*$/.test(query.slice(0, query.indexOf(`${name}`))));
      expect(series).not.toEqual([]);
      const allowed = ['le'];
      for (const name of series) {
        const metric = pull.get(name.replace(/_(bucket|sum|count)$/, ''));
        const kind = /_(bucket|sum|count)$/.test(name)
          ? 'Histogram'
          : name.endsWith('_total')
            ? 'Counter'
            : 'UpDownCounter';
        expect([query, name, metric?.Kind]).toEqual([query, name, kind]);
        allowed.push(...codeIn(metric?.Attributes).map(underscored));
        if (/^(origin|listener)/.test(metric?.Attributes ?? '')) {
          allowed.push('server_address', 'server_port', 'network_protocol_name');
        }
      }
      const by = Array.from(query.matchAll(/by \(([^)]*)\)/g), ([, labels = '']) => labels.split(', ')).flat();
      const where = Array.from(query.matchAll(/(\w+)=~?"/g), ([, label = '']) => label);
      expect([query, [...by, ...where].filter(label => !allowed.includes(label))]).toEqual([query, []]);
    }
  },
);

test('every metric-like name in the docs exists', () => {
  const dotted = new Set<string>(METRICS.map(({ name }) => name));
  const labels = [...documented.values()].flatMap(({ Attributes }) => codeIn(Attributes));
  const spelled = new Set([
    ...labels.map(underscored),
    ...[...documented.values()].flatMap(({ 'Pull exporter': pull, OTLP: otlp }) => [...codeIn(pull), ...codeIn(otlp)]),
  ]);

  for (const file of texts()) {
    const text = read(file).replace(RECORDED, '').replace(FILE, '');
    const names = Array.from(
      text.matchAll(/`((?:connmeter|http\.client|dns)\.[a-z0-9_.]+)`/g),
      ([, name = '']) => name,
    );
    expect([file, names.filter(name => !dotted.has(name) && !labels.includes(name) && !OTHERS.has(name))]).toEqual([
      file,
      [],
    ]);
    const written = text.match(/\b(?:connmeter|http_client|dns)_[a-z0-9_]+/g) ?? [];
    expect([file, written.filter(name => !spelled.has(name.replace(/_(bucket|sum|count)$/, '')))]).toEqual([file, []]);
  }
});

/** Recording-rule series, which other tests check, and file names. */
const RECORDED = /\b[a-z_]+:[a-z_]+:[a-z0-9_]+/g;
const FILE = /\bconnmeter(?:-fleet)?\.(?:json|yaml)\b/g;

/** Metrics of others, channels, prefixes, and functions of Node. */
const OTHERS = new Set([
  ...['http.client.request.duration', 'http.client.request.start', 'connmeter.'],
  'connmeter.connection_opened', // an event of a span
  'connmeter.phase',
  ...['dns.lookup', 'dns.promises', 'dns.resolve'],
]);

test('the README has every option with its default', () => {
  const defaults = Object.entries(checkedOptions({})).map(([option, value]) => [option, `${value}`]);

  expect(rowsAfter('| option |')).toEqual(defaults);
});

/** A variant of one that it has, and what only the command sets. */
const NOT_IN_README = new Set(['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL', 'CONNMETER_REPORT_FOLDER']);

test('the README has every variable with its default', () => {
  const ours = new Set(
    read('src/register/environment.ts')
      .match(/(?:OTEL|CONNMETER)_[A-Z_]+/g)
      ?.filter(name => !name.endsWith('_') && !NOT_IN_README.has(name)),
  );
  const { host, port, exporters, interval, disabled } = readEnvironment({});

  const rows = rowsAfter('| variable |');

  // The last two belong to the resource detector; the scrape above covers them.
  expect(new Set(rows.map(([name]) => name))).toEqual(
    new Set([...ours, 'OTEL_SERVICE_NAME', 'OTEL_RESOURCE_ATTRIBUTES']),
  );
  expect(Object.fromEntries(rows)).toMatchObject({
    OTEL_EXPORTER_PROMETHEUS_HOST: host,
    OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
    OTEL_METRICS_EXPORTER: exporters.join(),
    OTEL_METRIC_EXPORT_INTERVAL: `${interval}`,
    OTEL_SDK_DISABLED: `${disabled}`,
  });
});

/** The first two cells of each row, without backticks, of the README table with this heading. */
function rowsAfter(heading: string): string[][] {
  const [table = ''] = README.slice(README.indexOf(heading)).split('\n\n');
  return Array.from(table.matchAll(/^\| `(\w+)` \| (?:`([^`]*)`)?/gm), ([, name = '', value = '']) => [name, value]);
}

test('the README names the Node versions and the runtime dependencies of package.json', () => {
  const { engines, dependencies, peerDependencies } = JSON.parse(read('package.json')) as {
    engines: { node: string };
    dependencies: object;
    peerDependencies: object;
  };

  expect(README).toContain(`\`${engines.node}\``);
  expect(new Set(codeIn(README.match(/^## Dependencies\n([^#]*)/m)?.[1]).filter(name => name.startsWith('@')))).toEqual(
    new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)]),
  );
});

test('every npm script named in the docs exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

  for (const file of texts()) {
    const named = Array.from(
      read(file).matchAll(/npm (?:run (\w+)|(start|test))/g),
      ([, run, own]) => run ?? own ?? '',
    );
    expect([file, named.filter(name => !(name in scripts))]).toEqual([file, []]);
  }
});

test.each(texts())('every relative link and every path in %s exists', file => {
  const text = read(file);
  const links = Array.from(text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g), ([, link = '']) => link);
  const paths = Array.from(text.matchAll(/`((?:src|test|docs|examples)\/[\w./-]+)`/g), ([, path = '']) => path);

  expect(links.filter(link => !resolves(file, link))).toEqual([]);
  expect(paths.filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
});

function resolves(from: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(ROOT, from) : join(ROOT, dirname(from), path);
  if (!existsSync(target)) return false;
  return anchor === undefined || anchorsOf(readFileSync(target, 'utf8')).includes(anchor);
}

/** Anchors of headings, as GitHub creates them, and explicit anchors. */
function anchorsOf(text: string): string[] {
  const ofHeadings = Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  return [...ofHeadings, ...Array.from(text.matchAll(/^<a id="([^"]+)">/gm), ([, anchor = '']) => anchor)];
}

function texts(): string[] {
  return globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT });
}
