import { once } from 'node:events';
import http from 'node:http';
import { setImmediate as nextRound } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Attributes, Meter } from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { DataPointType, MeterProvider, type MetricData } from '@opentelemetry/sdk-metrics';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ConnectionInstrumentation } from '../src/index.ts';
import { VERSION } from '../src/version.ts';
import { type ConnectionScript, HTTP_CONNECTION, UNDICI_CONNECTION } from './replayed-clients.ts';

// The servers of /metrics that are compared. All serve the series of connmeter, each as its documentation says.

export const METRICS_SERVERS = ['connmeter', 'otel', 'prom'] as const;
export type MetricsServer = (typeof METRICS_SERVERS)[number] | 'ready';

export const SERVER_TITLES: Readonly<Record<MetricsServer, string>> = {
  ready: 'a text that is ready',
  connmeter: '`connmeter/register`',
  otel: "OpenTelemetry's `PrometheusExporter`",
  prom: 'prom-client',
};

/** Raises the SDK's cardinality limit, which a thousand origins exceed. */
const NO_CARDINALITY_LIMIT = { instrumentName: '*', aggregationCardinalityLimit: 1_000_000 };

/** The command line of a process that calls {@link serveMetrics}. */
export function nodeArguments(variant: MetricsServer): string[] {
  const register = new URL('../src/register.ts', import.meta.url).href;
  return [
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    ...(variant === 'connmeter' ? ['--import', register] : []),
  ];
}

/** The environment of a process that calls {@link serveMetrics}. */
export function environmentOf(origins: number, port: number): NodeJS.ProcessEnv {
  return {
    ...process.env,
    OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
    OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
    CONNMETER_MAX_ORIGINS: `${Math.max(origins, 100)}`,
    CONNMETER_SHARE: 'false',
  };
}

/** Serves the series of this many origins from this process. */
export async function serveMetrics(variant: MetricsServer, origins: number): Promise<void> {
  if (variant === 'connmeter') {
    for (let i = 0; i < origins; i++) await playConnections(`origin-${i}.test`);
  } else {
    const metrics = await seriesOfConnmeter(origins);
    if (variant === 'ready') await serveReadyText(metrics);
    else if (variant === 'otel') await serveByOtel(metrics);
    else await serveByPromClient(metrics);
  }
  globalThis.gc?.();
}

async function seriesOfConnmeter(origins: number): Promise<MetricData[]> {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const connmeter = new ConnectionInstrumentation({ callSites: false, maxOrigins: Math.max(origins, 100) });
  connmeter.setMeterProvider(new MeterProvider({ readers: [exporter], views: [NO_CARDINALITY_LIMIT] }));
  for (let i = 0; i < origins; i++) await playConnections(`origin-${i}.test`);
  const { resourceMetrics } = await exporter.collect();
  connmeter.disable();
  return resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics);
}

/** Sends the same text each time, which costs what a scrape costs at least. */
async function serveReadyText(metrics: MetricData[]): Promise<void> {
  const scope = { name: 'connmeter', version: VERSION };
  const resourceMetrics = { resource: resourceFromAttributes({}), scopeMetrics: [{ scope, metrics }] };
  const text = Buffer.from(new PrometheusSerializer().serialize(resourceMetrics));
  const compressed = gzipSync(text, { level: 1 });
  const server = http.createServer(({ headers }, response) => {
    response.end(headers['accept-encoding'] === undefined ? text : compressed);
  });
  await once(server.listen(port(), '127.0.0.1'), 'listening');
}

/** Serves the metrics with OpenTelemetry's server. */
async function serveByOtel(metrics: readonly MetricData[]): Promise<void> {
  const exporter = new PrometheusExporter({ host: '127.0.0.1', port: port() });
  const meter = new MeterProvider({ readers: [exporter], views: [NO_CARDINALITY_LIMIT] }).getMeter(
    'connmeter',
    VERSION,
  );
  for (const metric of metrics) replicateMetric(meter, metric);
  await exporter.startServer();
}

/** Serves the metrics with the code in the README of prom-client. */
async function serveByPromClient(metrics: readonly MetricData[]): Promise<void> {
  const registry = new Registry();
  const labelsOf = (attributes: Attributes) =>
    Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name.replaceAll('.', '_'), String(value)]));
  for (const { descriptor, dataPointType, dataPoints } of metrics) {
    const labelNames = [...new Set(dataPoints.flatMap(({ attributes }) => Object.keys(labelsOf(attributes))))];
    const options = {
      name: descriptor.name.replaceAll('.', '_'),
      help: descriptor.description,
      labelNames,
      registers: [registry],
    };
    if (dataPointType === DataPointType.HISTOGRAM) {
      const histogram = new Histogram({ ...options, buckets: dataPoints[0]?.value.buckets.boundaries ?? [] });
      for (const { attributes, value } of dataPoints) histogram.observe(labelsOf(attributes), value.max ?? 0);
    } else {
      const isMonotonic = dataPointType === DataPointType.SUM;
      const counter = isMonotonic ? new Counter(options) : new Gauge(options);
      for (const { attributes, value } of dataPoints) counter.inc(labelsOf(attributes), Number(value));
    }
  }
  const server = http.createServer(async (_request, response) => {
    response.setHeader('content-type', registry.contentType);
    response.end(await registry.metrics());
  });
  await once(server.listen(port(), '127.0.0.1'), 'listening');
}

function port(): number {
  return Number(process.env['OTEL_EXPORTER_PROMETHEUS_PORT']);
}

/** Replays the connections of an ordinary origin: of each client, two idle ones and one that closes. */
async function playConnections(host: string): Promise<void> {
  await play(UNDICI_CONNECTION, host);
  await play(HTTP_CONNECTION, host);
}

async function play<Life>({ make, steps }: ConnectionScript<Life>, host: string): Promise<void> {
  for (const keptOpen of [false, true, true]) {
    const life = make(host);
    for (const { event, play } of steps) {
      if (keptOpen && event === 'close') break;
      play(life);
      await nextRound();
    }
  }
}

/** Creates the same series with the same names from prepared values. */
function replicateMetric(meter: Meter, { descriptor, dataPointType, dataPoints, ...metric }: MetricData): void {
  const { name, unit, description } = descriptor;
  if (dataPointType === DataPointType.HISTOGRAM) {
    const explicitBucketBoundaries = dataPoints[0]?.value.buckets.boundaries ?? [];
    const histogram = meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries } });
    for (const { attributes, value } of dataPoints) histogram.record(value.max ?? 0, attributes);
    return;
  }
  const options = { unit, description };
  const isMonotonic = 'isMonotonic' in metric && metric.isMonotonic;
  const instrument = isMonotonic
    ? meter.createObservableCounter(name, options)
    : meter.createObservableUpDownCounter(name, options);
  meter.addBatchObservableCallback(
    result => {
      for (const { value, attributes } of dataPoints) result.observe(instrument, value as number, attributes);
    },
    [instrument],
  );
}
