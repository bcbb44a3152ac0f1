// Tests the configurations in docs/deploy.md and those of docker-compose.yml with the programs that read them. If a program is not
// available, compares them with the rest of the project.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { prometheusName, TRANSPORTS, type Transport } from '../../dashboards/source/metric-names.ts';
import { RECORDED } from '../../dashboards/source/rules/recorded-series.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { blocksOf } from '../support/docs.ts';
import { PROMETHEUS3, PROMTOOL3, testWith } from '../support/installed.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { temporaryFolder } from '../support/service.ts';
import { skipTests } from '../support/skip.ts';

const ROOT = join(import.meta.dirname, '../..');
const DOCS = 'docs/deploy.md';
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const RULES: Readonly<Record<Transport, string>> = {
  pull: 'dashboards/rules/connmeter.yaml',
  otlp: 'dashboards/otlp/rules/connmeter.yaml',
};
const rulesIn = (text: string) =>
  (parse(text) as { groups: { rules: unknown[] }[] }).groups.reduce((sum, { rules }) => sum + rules.length, 0);

/** The configurations in the docs. A key that only one of them has identifies each. */
const blocks = blocksOf(DOCS, 'yaml');
function blockWith(key: string): string {
  const found = blocks.filter(text => new RegExp(`^${key}:`, 'm').test(text));
  expect(found, `blocks of ${DOCS} with ${key}`).toHaveLength(1);
  return found[0] as string;
}

const testPromtool = testWith('promtool');
const testAmtool = testWith('amtool');
const testPrometheus = testWith('prometheus');
const testPromtool3 = PROMTOOL3
  ? test
  : skipTests('promtool 3 does not check the configurations: it is not in the folder CONNMETER_PROMETHEUS3');
const testPrometheus3 = PROMETHEUS3
  ? test
  : skipTests('Prometheus 3 does not load the rules: it is not in the folder CONNMETER_PROMETHEUS3');

/** Writes the text to a file, and returns the output of a program that checks it. */
function check(command: string, subcommand: readonly string[], text: string, besides?: Transport): string {
  const folder = temporaryFolder('check');
  if (besides) copyFileSync(join(ROOT, RULES[besides]), join(folder, 'connmeter.yaml'));
  const file = join(folder, 'file.yml');
  writeFileSync(file, text);
  return execFileSync(command, [...subcommand, file], { encoding: 'utf8' });
}

testPromtool('promtool accepts the configurations of Prometheus', () => {
  const output = execFileSync('promtool', ['check', 'config', '--lint-fatal', 'deploy/prometheus.yml'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(output).toContain(`SUCCESS: ${rulesIn(read(RULES.pull))} rules found`);

  expect(check('promtool', ['check', 'config', '--lint-fatal'], blockWith('global'), 'pull')).toContain('SUCCESS');
  expect(check('promtool', ['check', 'config'], `scrape_configs:\n${indented(dropRules())}`)).toContain('SUCCESS');
});

testPromtool3('promtool 3 accepts them, and the one for OTLP', () => {
  const promtool = PROMTOOL3 as string;

  expect(check(promtool, ['check', 'config', '--lint-fatal'], blockWith('global'), 'pull')).toContain('SUCCESS');
  expect(check(promtool, ['check', 'config', '--lint-fatal'], blockWith('otlp'), 'otlp')).toContain('SUCCESS');
  expect(check(promtool, ['check', 'config'], blockWith('remote_write'))).toContain('SUCCESS');
});

testPrometheus.each(TRANSPORTS)('Prometheus loads the rules, %s', transport => loads('prometheus', transport));

testPrometheus3.each(TRANSPORTS)('Prometheus 3 loads the rules, %s', transport =>
  loads(PROMETHEUS3 as string, transport),
);

async function loads(binary: string, transport: Transport) {
  const text = read(RULES[transport]);
  const prometheus = await startPrometheus({ binary, rules: [text] });

  const { groups } = (await prometheus.get('rules')) as { groups: { rules: unknown[] }[] };

  expect(groups.reduce((sum, { rules }) => sum + rules.length, 0)).toBe(rulesIn(text));
}

testAmtool('amtool accepts the configurations of Alertmanager', () => {
  for (const text of [read('deploy/alertmanager.yml'), blockWith('route')]) {
    expect(check('amtool', ['check-config'], text)).toContain('SUCCESS');
  }
});

testAmtool('alerts are routed by severity', () => {
  const severities = new Set(
    Array.from(read(RULES.pull).matchAll(/^ +severity: (\w+)$/gm), ([, severity]) => severity),
  );
  expect([...severities].sort()).toEqual(['critical', 'info', 'warning']);

  for (const text of [read('deploy/alertmanager.yml'), blockWith('route')]) {
    const routes = ['critical', 'warning', 'info'].map(severity => {
      const folder = temporaryFolder('route');
      writeFileSync(join(folder, 'alertmanager.yml'), text);
      const args = ['config', 'routes', 'test', `--config.file=${folder}/alertmanager.yml`, `severity=${severity}`];
      return execFileSync('amtool', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
    });
    expect(routes).toEqual(['pager', 'team', 'discard']);
  }
});

test('the Service, the ServiceMonitor and the container use the same port', () => {
  const container = parse(blockWith('env'));
  const [service, monitor] = parseAllDocuments(blocks.find(text => text.includes('kind: ServiceMonitor')) ?? '').map(
    document => document.toJS(),
  );
  const [port] = service.spec.ports;

  expect(service.kind).toBe('Service');
  expect(monitor).toMatchObject({ apiVersion: 'monitoring.coreos.com/v1', kind: 'ServiceMonitor' });
  expect(service.metadata.labels).toMatchObject(monitor.spec.selector.matchLabels);
  expect(Object.keys(service.metadata.labels)).toContain(monitor.spec.jobLabel);
  expect(monitor.spec.endpoints).toMatchObject([{ port: port.name, path: '/metrics' }]);
  expect(container.ports).toEqual([{ name: port.targetPort, containerPort: port.port }]);
  expect(container.env).toContainEqual({ name: 'OTEL_EXPORTER_PROMETHEUS_HOST', value: '0.0.0.0' });
});

test('the command creates a PrometheusRule with the committed rules', () => {
  const [command = ''] = blocksOf(DOCS, 'sh').filter(text => text.includes('PrometheusRule'));
  const [create = '', apply] = command.split(' | kubectl ');

  const rule = parse(execFileSync('sh', ['-euc', create], { cwd: ROOT, encoding: 'utf8' }));

  expect(apply).toBe('apply -f -\n');
  expect(rule).toEqual({
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'connmeter', labels: { release: 'prometheus' } },
    spec: parse(read(RULES.pull)),
  });
});

test('the pipeline of the Collector uses all configured components', () => {
  const collector = parse(blockWith('processors'));
  const { receivers, processors, exporters } = collector.service.pipelines.metrics;

  expect(receivers).toEqual(Object.keys(collector.receivers));
  expect(processors).toEqual(Object.keys(collector.processors));
  expect(exporters).toEqual(Object.keys(collector.exporters));
});

test('the dropped series exist, and no rule uses them', () => {
  const series = dropRules().flatMap(({ regex }) => regex.split('|'));
  const known = new Set(
    METRICS.flatMap(({ name }) =>
      ['', '_bucket', '_sum', '_count'].map(end => `${prometheusName(name, 'pull')}${end}`),
    ),
  );

  expect(series.filter(name => !known.has(name))).toEqual([]);
  expect(series.filter(name => read(RULES.pull).includes(name))).toEqual([]);
});

test('remote write sends all recorded series, and no others', () => {
  const [{ write_relabel_configs }] = parse(blockWith('remote_write')).remote_write;
  const [{ regex, action }] = write_relabel_configs;
  const kept = (name: string) => new RegExp(`^(?:${regex})$`).test(name);

  expect(action).toBe('keep');
  expect(Object.values(RECORDED).filter(name => !kept(name))).toEqual([]);
  expect(METRICS.map(({ name }) => prometheusName(name, 'pull')).filter(kept)).toEqual([]);
});

/** The relabelling rules in the docs that drop series. */
function dropRules(): { regex: string }[] {
  return parse(blockWith('metric_relabel_configs')).metric_relabel_configs;
}

function indented(relabelling: object): string {
  return `  - ${JSON.stringify({ job_name: 'orders', metric_relabel_configs: relabelling })}\n`;
}

test('every file that the page mentions exists', () => {
  const text = read(DOCS);
  const linked = Array.from(text.matchAll(/\]\((?!http)([^)#]+)[^)]*\)/g), ([, path = '']) => join('docs', path));
  const named = Array.from(text.matchAll(/(?:--from-file=|`)(dashboards\/[\w./*-]+)/g), ([, path = '']) => path);

  expect([...linked, ...named].length).toBeGreaterThan(8);
  for (const path of [...linked, ...named]) {
    expect(existsSync(join(ROOT, path)) || globSync(path, { cwd: ROOT }).length > 0, path).toBe(true);
  }
});
