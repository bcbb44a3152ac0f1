// Runs every query of the dashboards against a live Prometheus, while a program causes every kind of event. Once Prometheus scrapes
// the program, and once the program sends metrics over OTLP.
import { execFileSync } from 'node:child_process';
import { globSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { type Durations, scaledDown } from '../../dashboards/source/durations.ts';
import { prometheusName, type Transport } from '../../dashboards/source/metric-names.ts';
import { rulesFile } from '../../dashboards/source/rules/rules-file.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { programPath, REGISTER, start } from '../support/child.ts';
import { annotationsOf, queriesOf, readDashboard, variablesOf } from '../support/dashboards.ts';
import { blocksOf } from '../support/docs.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest } from '../support/http-request.ts';
import { PROMETHEUS3, testWith, VICTORIA_METRICS } from '../support/installed.ts';
import { AS_IF_OVER_OTLP, startOtlpReceiver } from '../support/otlp.ts';
import { type Prometheus, type Scrape, startPrometheus } from '../support/prometheus.ts';
import { temporaryFolder } from '../support/service.ts';
import { skipTests } from '../support/skip.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
/**
 * The rules run 60 times as fast, but with a window of 20 s, because metrics arrive late through an OTLP receiver, or not at all.
 */
const DURATIONS: Durations = { ...scaledDown(60), window: 20 };

/** The labels that a Prometheus in Kubernetes adds. */
const IN_A_CLUSTER = [
  { target_label: 'cluster', replacement: 'eu' },
  { target_label: 'namespace', replacement: 'shop' },
];

/** What a number says while nothing fails. Something always fails here. */
const ELSE = /^0 \* count\(.* unless on \(\) /;

const FOLDERS = { pull: 'dashboards', otlp: 'dashboards/otlp' };

/** How long the last query may take to return something, on a busy machine. */
const TIMEOUT = 90_000;
const options = { timeout: 180_000 };

const test = testWith('prometheus', 'promtool');
const test3 = PROMETHEUS3
  ? test
  : skipTests('Prometheus 3 does not run the queries: it is not in the folder CONNMETER_PROMETHEUS3');

test('every query of every dashboard returns something if Prometheus scrapes', options, async () => {
  const { target } = await everything();

  await expectResults(
    'pull',
    await startPrometheus({
      scrape: { orders: { target, metric_relabel_configs: IN_A_CLUSTER } },
      rules: [rulesFile('pull', DURATIONS)],
    }),
  );
});

test3('the same with Prometheus 3, which writes histogram boundaries differently', options, async () => {
  const { target } = await everything();
  const binary = PROMETHEUS3 as string;

  const prometheus = await startPrometheus({
    binary,
    scrape: { orders: { target, metric_relabel_configs: IN_A_CLUSTER } },
    rules: [rulesFile('pull', DURATIONS)],
  });

  await expectResults('pull', prometheus);
});

test('every query of every dashboard returns something if metrics arrive over OTLP', options, async () => {
  const prometheus = await startPrometheus({
    scrape: { otlp: await overOtlp() },
    rules: [rulesFile('otlp', DURATIONS)],
  });

  await expectResults('otlp', prometheus);
  const names = await prometheus.labelValues('__name__', '{job="shop/orders"}');
  const ours = names
    .filter(name => /^(connmeter|dns|http)_/.test(name))
    .map(name => name.replace(/_(bucket|count|sum)$/, ''));
  expect([...new Set(ours)].sort()).toEqual(METRICS.map(({ name }) => prometheusName(name, 'otlp')).sort());
  expect(await prometheus.labelValues('instance', '{job="shop/orders"}')).toEqual(['orders-1']);
});

test('promtool accepts a scrape without warnings', options, async () => {
  const { scrape } = await everything();

  const output = execFileSync('promtool', ['check', 'metrics'], { input: await scrape(), encoding: 'utf8' });

  expect(output).toBe('');
});

/** Starts the program that causes every kind of event. */
async function everything(): Promise<{ target: string; scrape: () => Promise<string> }> {
  const port = await freePort();
  const app = start(programPath('all-metrics.ts'), {
    node: ['--import', REGISTER.href],
    env: { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` },
  });
  await app.printed('running');
  const target = `127.0.0.1:${port}`;
  return { target, scrape: async () => (await httpRequest(`http://${target}/metrics`)).body };
}

/** Starts the same program with measure.mjs of docs/deploy.md, and returns where Prometheus scrapes what the receiver got. */
async function overOtlp(): Promise<Scrape> {
  if (VICTORIA_METRICS === undefined) {
    console.warn('\n*** NOT OVER OTLP: victoria-metrics is not installed, so the names are only rewritten\n');
    const { target } = await everything();
    return {
      target,
      metric_relabel_configs: [
        ...IN_A_CLUSTER,
        ...AS_IF_OVER_OTLP,
        { target_label: 'job', replacement: 'shop/orders' },
        { target_label: 'instance', replacement: 'orders-1' },
      ],
    };
  }
  const { endpoint, scrape } = await startOtlpReceiver(VICTORIA_METRICS);
  const app = start(programPath('all-metrics.ts'), {
    node: ['--import', pathToFileURL(measureFile()).href],
    env: {
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: endpoint,
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      OTEL_SERVICE_NAME: 'orders',
      OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=shop,service.instance.id=orders-1',
    },
  });
  await app.printed('running');
  return { ...scrape, metric_relabel_configs: [...(scrape.metric_relabel_configs ?? []), ...IN_A_CLUSTER] };
}

/** Writes `measure.mjs` of the docs to a file, with imports that resolve from here. */
function measureFile(): string {
  const text = blocksOf('docs/deploy.md', 'js').find(block => block.includes('new ConnectionInstrumentation')) ?? '';
  const { resolve } = createRequire(import.meta.url);
  const file = join(temporaryFolder('measure'), 'measure.mjs');
  const resolved = (name: string) => (name === 'connmeter' ? join(ROOT, 'src/index.ts') : resolve(name));
  writeFileSync(
    file,
    text.replaceAll(/ from '(.+)';/g, (_, name) => ` from '${pathToFileURL(resolved(name)).href}';`),
  );
  return file;
}

/** Repeats the queries until each has returned something. Fails with the others, by dashboard and panel. */
async function expectResults(transport: Transport, prometheus: Prometheus): Promise<void> {
  const dashboards = globSync('*.json', { cwd: join(ROOT, FOLDERS[transport]) }).sort();
  expect(dashboards).toEqual(['connmeter-fleet.json', 'connmeter.json']);
  const chosen = { window: '20s', range: '30s' };

  let pending = dashboards.flatMap(name => {
    const dashboard = readDashboard(`${FOLDERS[transport]}/${name}`);
    const queries = [
      ...queriesOf(dashboard, chosen)
        .filter(({ expr }) => !ELSE.test(expr))
        .map(({ panel, expr }) => ({ by: panel, expr })),
      ...annotationsOf(dashboard, chosen).map(({ name, expr }) => ({ by: `annotation ${name}`, expr })),
    ];
    return [
      ...queries.map(({ by, expr }) => ({
        by: `${name}: ${by}`,
        expr,
        hasResult: async () => (await prometheus.query(expr)).some(({ value }) => Number.isFinite(value)),
      })),
      ...variablesOf(dashboard, chosen).map(({ name: variable, match, label }) => ({
        by: `${name}: $${variable}`,
        expr: match,
        hasResult: async () => (await prometheus.labelValues(label, match)).length > 0,
      })),
    ];
  });
  expect(pending.length).toBeGreaterThan(50);

  await until(
    async () => {
      await new Promise(resolve => setTimeout(resolve, 500));
      const results = await Promise.all(pending.map(({ hasResult }) => hasResult()));
      pending = pending.filter((_, index) => !results[index]);
      return pending.map(({ by, expr }) => `${by}: ${expr}`);
    },
    rest => rest.length === 0,
    TIMEOUT,
  );
}
