import { beforeAll, expect, test } from 'vitest';
import { start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest, isListening } from '../support/http-request.ts';
import { server } from '../support/server.ts';
import { installProject, type Project, packPackage } from './install.ts';

/** OpenTelemetry set-ups that connmeter is installed with, by exact version. */
const SURROUNDINGS = {
  'SDK 3': ['@opentelemetry/api@1.10.0', '@opentelemetry/sdk-node@0.301.0'],
  'SDK 2': ['@opentelemetry/api@1.9.1', '@opentelemetry/sdk-node@0.223.0'],
  auto: ['@opentelemetry/api@1.10.0', '@opentelemetry/auto-instrumentations-node@0.82.0'],
} as const;
type Surroundings = keyof typeof SURROUNDINGS;

const projects = new Map<Surroundings, Project>();
const projectOf = (surroundings: Surroundings) => projects.get(surroundings) as Project;

beforeAll(async () => {
  const { tarball } = await packPackage();
  for (const [name, packages] of Object.entries(SURROUNDINGS)) {
    projects.set(name as Surroundings, await installProject(tarball, ...packages));
  }
}, 180_000);

/** Keeps OpenTelemetry from exporting to the network. */
const QUIET = {
  OTEL_TRACES_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
  OTEL_NODE_RESOURCE_DETECTORS: 'env',
};

/** Sends two requests on one connection. */
const ASKING = `
  import http from 'node:http';
  const agent = new http.Agent({ keepAlive: true });
  for (let i = 0; i < 2; i++) {
    await new Promise(resolve => {
      http.get(process.argv[2], { agent }, response => response.resume().on('close', resolve));
    });
  }`;

/** Prints what the reader got for the server. */
const TELLING = `
  const { resourceMetrics, errors } = await reader.collect();
  const port = Number(new URL(process.argv[2]).port);
  for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics)) {
    if (!/^connmeter.(connection.opened|requests)$/.test(descriptor.name)) continue;
    const ours = dataPoints.filter(({ attributes }) => attributes['server.port'] === port);
    const happened = ours.filter(({ value }) => value > 0); // the other series are initialised to zero
    console.log(descriptor.name, ...happened.map(({ value }) => value));
  }
  console.log('errors', errors.length);
  agent.destroy();`;
const TOLD = 'connmeter.connection.opened 1\nconnmeter.requests 1 1\nerrors 0\n';

const READER = `
  import * as metrics from '@opentelemetry/sdk-metrics';
  const reader = new metrics.PeriodicExportingMetricReader({
    exporter: new metrics.InMemoryMetricExporter(metrics.AggregationTemporality.CUMULATIVE),
    exportIntervalMillis: 3_600_000,
  });`;

/** Ways to add an instrumentation to a program. */
const SETUPS = {
  registerInstrumentations: `
    import { registerInstrumentations } from '@opentelemetry/instrumentation';
    registerInstrumentations({
      meterProvider: new metrics.MeterProvider({ readers: [reader] }),
      instrumentations: [new ConnectionInstrumentation()],
    });`,
  NodeSDK: `
    import { NodeSDK } from '@opentelemetry/sdk-node';
    new NodeSDK({ metricReaders: [reader], instrumentations: [new ConnectionInstrumentation()] }).start();`,
};

test.each([
  ['SDK 2', 'registerInstrumentations'],
  ['SDK 2', 'NodeSDK'],
  ['SDK 3', 'registerInstrumentations'],
  ['SDK 3', 'NodeSDK'],
] as const)('%s: works with %s', async (surroundings, setup) => {
  const { port, seen } = await server({ kind: 'http' });
  const path = projectOf(surroundings).write(
    `${setup}.mjs`,
    `import { ConnectionInstrumentation } from 'connmeter'; ${READER} ${SETUPS[setup]} ${ASKING} ${TELLING}`,
  );

  const outcome = await start(path, { args: [`http://127.0.0.1:${port}/`], env: QUIET }).outcome;

  expect(outcome).toEqual({ code: 0, stdout: TOLD, stderr: '' });
  expect(await seen()).toMatchObject({ accepts: 1, requests: 2 });
});

/** Runs a program that sends two requests and keeps running, with these preloads and the Prometheus variables. */
async function staying(surroundings: Surroundings, preloads: readonly string[], env: Record<string, string> = {}) {
  const project = projectOf(surroundings);
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const child = start(
    project.write(
      'staying.mjs',
      `${ASKING}
      console.log('ready');
      process.stdin.once('data', () => process.stdin.destroy());
      agent.destroy();`,
    ),
    {
      node: preloads.flatMap(preload => ['--import', preload]),
      args: [`http://127.0.0.1:${asked.port}/`],
      env: {
        ...QUIET,
        OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
        OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
        ...env,
      },
      cwd: project.path,
    },
  );
  await child.printed('ready');
  return { child, port, asked };
}

const opened = (port: number) =>
  new RegExp(`^connmeter_connection_opened_total\\{.*server_port="${port}".*\\} 1$`, 'm');

test.each(['SDK 2', 'SDK 3'] as const)('%s: connmeter/register serves the metrics by itself', async surroundings => {
  const { child, port, asked } = await staying(surroundings, ['connmeter/register']);

  const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);

  expect(body).toMatch(opened(asked.port));
  child.writeLine('enough');
  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
});

const BEHIND_AUTO = ['@opentelemetry/auto-instrumentations-node/register', 'connmeter/register'];

test('after auto-instrumentations, the SDK serves the metrics', async () => {
  const { child, port, asked } = await staying('auto', BEHIND_AUTO, { OTEL_METRICS_EXPORTER: 'prometheus' });

  const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);

  expect(body).toMatch(opened(asked.port));
  expect(body).toContain('v8js_'); // a metric of the auto-instrumentations: it is their server
  child.writeLine('enough');
  const { code, stderr } = await child.outcome;
  expect({ code, ours: stderr.match(/^connmeter: .*$/gm) }).toEqual({ code: 0, ours: null }); // no second server
});

test('after auto-instrumentations with the console exporter, the metrics are printed, and no port is opened', async () => {
  const { child, port } = await staying('auto', BEHIND_AUTO, { OTEL_METRICS_EXPORTER: 'console' });
  expect(await isListening(port)).toBe(false);

  child.writeLine('enough');

  const { code, stdout, stderr } = await child.outcome;
  expect({ code, ours: stderr.match(/^connmeter: .*$/gm) }).toEqual({ code: 0, ours: null });
  expect(stdout.match(/name: 'connmeter.connection.opened'/g)).toHaveLength(1); // printed once, by the SDK
});
