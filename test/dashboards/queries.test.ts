// Everything the dashboards ask is asked of a live Prometheus, while a program does everything that can be measured. In
// both spellings: scraped from the program, and sent over OTLP to somebody who takes that.
import { execFileSync } from 'node:child_process';
import { globSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'vitest';
import { type Durations, scaledDown } from '../../dashboards/source/durations.ts';
import { prometheusName, type Transport } from '../../dashboards/source/metric-names.ts';
import { rulesFile } from '../../dashboards/source/rules/rules-file.ts';
import { METRICS } from '../../src/instruments.ts';
import { ask, freePort, programPath, REGISTER, start } from '../support/child.ts';
import { annotationsOf, queriesOf, readDashboard, variablesOf } from '../support/dashboards.ts';
import { blocksOf } from '../support/docs.ts';
import { PROMETHEUS3, skipped, testWith, VICTORIA_METRICS } from '../support/installed.ts';
import { until } from '../support/measuring.ts';
import { AS_IF_OVER_OTLP, startOtlpReceiver } from '../support/otlp.ts';
import { type Prometheus, type Scrape, startPrometheus } from '../support/prometheus.ts';
import { temporaryFolder } from '../support/service.ts';

const ROOT = join(import.meta.dirname, '../..');
/**
 * The rules run 60 times as fast, but over 20 s: what comes by way of a receiver is late, and not all of it is passed on.
 */
const DURATIONS: Durations = { ...scaledDown(60), window: 20 };

const FOLDERS = { pull: 'dashboards', otlp: 'dashboards/otlp' };

/** How long the last question may take to be answered, on a machine that has much else to do. */
const PATIENCE = 90_000;
const options = { timeout: 180_000 };

const test = testWith('prometheus', 'promtool');
const test3 = PROMETHEUS3
  ? test
  : skipped('nothing is asked of Prometheus 3: CONNMETER_PROMETHEUS3 names no folder with it');

test('every question of every dashboard is answered, where Prometheus scrapes', options, async () => {
  const { target } = await everything();

  await answersAll(
    'pull',
    await startPrometheus({ scrape: { orders: { target } }, rules: [rulesFile('pull', DURATIONS)] }),
  );
});

test3('the same by Prometheus 3, which writes the boundaries of histograms in its own way', options, async () => {
  const { target } = await everything();
  const binary = PROMETHEUS3 as string;

  const prometheus = await startPrometheus({
    binary,
    scrape: { orders: { target } },
    rules: [rulesFile('pull', DURATIONS)],
  });

  await answersAll('pull', prometheus);
});

test('every question of every dashboard is answered, where metrics come over OTLP', options, async () => {
  const prometheus = await startPrometheus({
    scrape: { otlp: await overOtlp() },
    rules: [rulesFile('otlp', DURATIONS)],
  });

  await answersAll('otlp', prometheus);
  const names = await prometheus.labelValues('__name__', '{job="shop/orders"}');
  const ours = names
    .filter(name => /^(connmeter|dns|http)_/.test(name))
    .map(name => name.replace(/_(bucket|count|sum)$/, ''));
  expect([...new Set(ours)].sort()).toEqual(METRICS.map(({ name }) => prometheusName(name, 'otlp')).sort());
  expect(await prometheus.labelValues('instance', '{job="shop/orders"}')).toEqual(['orders-1']);
});

test('promtool has nothing to say against a scrape', options, async () => {
  const { scrape } = await everything();

  const said = execFileSync('promtool', ['check', 'metrics'], { input: await scrape(), encoding: 'utf8' });

  expect(said).toBe('');
});

/** The program that does everything, where Prometheus can scrape it. */
async function everything(): Promise<{ target: string; scrape: () => Promise<string> }> {
  const port = await freePort();
  const app = start(programPath('everything.ts'), {
    node: ['--import', REGISTER.href],
    env: { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` },
  });
  await app.wrote('running');
  const target = `127.0.0.1:${port}`;
  return { target, scrape: async () => (await ask(`http://${target}/metrics`)).body };
}

/** The same program, measured by the file of docs/deploy.md that sends over OTLP; and where Prometheus finds what arrived. */
async function overOtlp(): Promise<Scrape> {
  if (VICTORIA_METRICS === undefined) {
    console.warn('\n*** NOT OVER OTLP: there is no victoria-metrics, so names are rewritten as if\n');
    const { target } = await everything();
    return {
      target,
      metric_relabel_configs: [
        ...AS_IF_OVER_OTLP,
        { target_label: 'job', replacement: 'shop/orders' },
        { target_label: 'instance', replacement: 'orders-1' },
      ],
    };
  }
  const { endpoint, scrape } = await startOtlpReceiver(VICTORIA_METRICS);
  const app = start(programPath('everything.ts'), {
    node: ['--import', pathToFileURL(fileOfTheDocs()).href],
    env: {
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: endpoint,
      OTEL_METRIC_EXPORT_INTERVAL: '1000',
      OTEL_SERVICE_NAME: 'orders',
      OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=shop,service.instance.id=orders-1',
    },
  });
  await app.wrote('running');
  return scrape;
}

/** `measure.mjs`, as the docs have it; only its imports are found from here. */
function fileOfTheDocs(): string {
  const [text = ''] = blocksOf('docs/deploy.md', 'js');
  const { resolve } = createRequire(import.meta.url);
  const file = join(temporaryFolder('measure'), 'measure.mjs');
  const found = (name: string) => (name === 'connmeter' ? join(ROOT, 'src/index.ts') : resolve(name));
  writeFileSync(
    file,
    text.replaceAll(/ from '(.+)';/g, (_, name) => ` from '${pathToFileURL(found(name)).href}';`),
  );
  return file;
}

/** Asks everything until it is answered; fails with what is not, by dashboard and panel. */
async function answersAll(transport: Transport, prometheus: Prometheus): Promise<void> {
  const dashboards = globSync('*.json', { cwd: join(ROOT, FOLDERS[transport]) }).sort();
  expect(dashboards).toEqual(['connmeter-fleet.json', 'connmeter.json']);
  const chosen = { window: '20s', range: '30s' };

  let open = dashboards.flatMap(name => {
    const dashboard = readDashboard(`${FOLDERS[transport]}/${name}`);
    const asked = [
      ...queriesOf(dashboard, chosen).map(({ panel, expr }) => ({ by: panel, expr })),
      ...annotationsOf(dashboard, chosen).map(({ name, expr }) => ({ by: `annotation ${name}`, expr })),
    ];
    return [
      ...asked.map(({ by, expr }) => ({
        by: `${name}: ${by}`,
        expr,
        answered: async () => (await prometheus.query(expr)).some(({ value }) => Number.isFinite(value)),
      })),
      ...variablesOf(dashboard, chosen).map(({ name: variable, match, label }) => ({
        by: `${name}: $${variable}`,
        expr: match,
        answered: async () => (await prometheus.labelValues(label, match)).length > 0,
      })),
    ];
  });
  expect(open.length).toBeGreaterThan(50);

  await until(
    async () => {
      await new Promise(resolve => setTimeout(resolve, 500));
      const answers = await Promise.all(open.map(({ answered }) => answered()));
      open = open.filter((_, index) => !answers[index]);
      return open.map(({ by, expr }) => `${by}: ${expr}`);
    },
    unanswered => unanswered.length === 0,
    PATIENCE,
  );
}
