import { createNoopMeter, metrics } from '@opentelemetry/api';
import type { IMetricReader } from '@opentelemetry/sdk-metrics';
import { guardWith, oncePerPlace, stackOf } from './core/guard.ts';
import { printable } from './core/origins.ts';
import { ConnectionInstrumentation } from './instrumentation.ts';
import type { Environment } from './register/environment.ts';
import { Exposition } from './register/exposition.ts';
import { MetricsPort } from './register/metrics-port.ts';
import { createMetricsServer } from './register/metrics-server.ts';
import { loadSdk, loadSerializer, type Sdk } from './register/sdk.ts';

const { writeSync } = process.getBuiltinModule('node:fs');
const { getEnvironmentData, isMainThread, setEnvironmentData } = process.getBuiltinModule('node:worker_threads');

/** Shared with every worker thread: whether one of them has said already that workers are not measured. */
const WORKER_WARNING_PRINTED = 'connmeter.told';
const LONGEST_LINE = 1_000;

/** Which lines are written. */
let lines: Environment['logLevel'] = 'all';

/** Written at once and past the stream: nobody may be reading, and a stream would end the program over it. */
const write = guardWith(() => {})(
  'write',
  (line: string) => void writeSync(2, `connmeter: ${printable(line.slice(0, LONGEST_LINE))}\n`),
);
const warn = (line: string) => {
  if (lines !== 'none') write(line);
};
const announce = (line: string) => {
  if (lines === 'all') write(line);
};
const guard = guardWith((where, error) => warn(`could not ${where}, the program runs on unmeasured: ${error}`));

/** The instrumentation in force. */
let instrumentation: ConnectionInstrumentation | undefined;

/** Measures and exports as the variables ask for. Returns what measures, if anything does. Never throws. */
export function start_(environment: Environment): ConnectionInstrumentation | undefined {
  lines = environment.logLevel;
  guard('start', start)(environment);
  return instrumentation;
}

function start(environment: Environment): void {
  if (hasGlobalMeterProvider()) {
    instrumentation = new ConnectionInstrumentation();
  } else if (isMainThread) {
    setEnvironmentData(WORKER_WARNING_PRINTED, new SharedArrayBuffer(4));
    environment.warnings.forEach(warn);
    if (environment.exporters.length > 0) startExporting(environment);
  } else if (environment.exporters.length > 0 && isFirstWorkerToWarn()) {
    warn("worker threads are not measured; the metrics are the main thread's");
  }
}

function startExporting(environment: Environment): void {
  const sdk = loadSdk();
  const readers = environment.exporters.map(name =>
    name === 'prometheus' ? prometheusReader(sdk, environment) : consoleReader(sdk, environment),
  );
  const { defaultResource, detectResources, envDetector } = sdk.resources;
  const resource = defaultResource().merge(detectResources({ detectors: [envDetector] }));
  instrumentation = new ConnectionInstrumentation();
  instrumentation.setMeterProvider(new sdk.metrics.MeterProvider({ resource, readers }));
}

function prometheusReader(
  { metrics: { MetricReader } }: Sdk,
  { host, port, allowedHosts }: Environment,
): IMetricReader {
  /** Collects when it is asked. The one of the exporter's package makes an HTTP server besides. */
  class AskedReader extends MetricReader {
    protected override async onForceFlush(): Promise<void> {}
    protected override async onShutdown(): Promise<void> {}
  }
  const reader = new AskedReader({ otelComponentType: 'prometheus_http_text_metric_exporter' });
  let serializer: ReturnType<typeof loadSerializer> | undefined;
  const warnOnce = oncePerPlace((where, error) =>
    warn(`could not ${where}, the program is unaffected: ${stackOf(error)}`),
  );
  const onFault = (where: string, error: unknown) => {
    instrumentation?.countFault('exposition');
    warnOnce(where, error);
  };
  const exposition = new Exposition(
    async () => {
      const { resourceMetrics, errors } = await reader.collect();
      for (const error of errors) onFault('collect the metrics', error);
      serializer ??= loadSerializer();
      return serializer.serialize(resourceMetrics);
    },
    error => onFault('write the metrics', error),
  );
  const guard = guardWith(onFault);
  new MetricsPort({
    host,
    port,
    createServer: () => createMetricsServer(exposition, { host, allowed: allowedHosts }, guard),
    ignoreServer: (server, name) => instrumentation?.ignoreServer(server, name),
    warn: warn,
    announce,
    guard,
  });
  return reader;
}

/** For a look without a Prometheus. A program that ends before the interval is over still prints once. */
function consoleReader(
  { metrics: { ConsoleMetricExporter, PeriodicExportingMetricReader } }: Sdk,
  { interval }: Environment,
): IMetricReader {
  const reader = new PeriodicExportingMetricReader({
    exporter: new ConsoleMetricExporter(),
    exportIntervalMillis: interval,
  });
  process.once('beforeExit', () => void reader.forceFlush());
  return reader;
}

/** The API hands out its one no-op meter as long as nobody has registered a provider. */
function hasGlobalMeterProvider(): boolean {
  return metrics.getMeterProvider().getMeter('connmeter') !== createNoopMeter();
}

function isFirstWorkerToWarn(): boolean {
  const told = getEnvironmentData(WORKER_WARNING_PRINTED);
  return !(told instanceof SharedArrayBuffer) || Atomics.exchange(new Int32Array(told), 0, 1) === 0;
}
