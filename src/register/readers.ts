import type { IMetricReader } from '@opentelemetry/sdk-metrics';
import { guardWith, oncePerPlace, stackOf } from '../core/guard.ts';
import type { Environment } from './environment.ts';
import { Exposition } from './exposition.ts';
import { MetricsPort, type PortOptions } from './metrics-port.ts';
import { createMetricsServer } from './metrics-server.ts';
import { loadSerializer, type Sdk } from './sdk.ts';

type PrometheusOptions = Pick<Environment, 'host' | 'port' | 'allowedHosts'> &
  Pick<PortOptions, 'ignoreServer' | 'warn' | 'info'> & {
    /** Called for each fault; only the first one at each place is also printed. */
    readonly countFault: () => void;
  };

/** Serves `/metrics`: each request collects the metrics, and the serializer of OpenTelemetry writes them as text. */
export function prometheusReader(
  { metrics: { MetricReader } }: Sdk,
  { host, port, allowedHosts, ignoreServer, countFault, warn, info }: PrometheusOptions,
): IMetricReader {
  /** Collects on request, like the reader of the exporter's package, but without its HTTP server. */
  class PullReader extends MetricReader {
    protected override async onForceFlush(): Promise<void> {}
    protected override async onShutdown(): Promise<void> {}
  }
  const reader = new PullReader({ otelComponentType: 'prometheus_http_text_metric_exporter' });
  const warnOnce = oncePerPlace((where, error) =>
    warn(`could not ${where}; the program is not affected: ${stackOf(error)}`),
  );
  const onFault = (where: string, error: unknown) => {
    countFault();
    warnOnce(where, error);
  };
  let serializer: ReturnType<typeof loadSerializer> | undefined;
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
    ignoreServer,
    warn,
    info,
    guard,
  });
  return reader;
}

/** Prints the metrics to the console at an interval, and before the program ends. */
export function consoleReader(
  { metrics: { ConsoleMetricExporter, PeriodicExportingMetricReader } }: Sdk,
  { interval }: Pick<Environment, 'interval'>,
): IMetricReader {
  const reader = new PeriodicExportingMetricReader({
    exporter: new ConsoleMetricExporter(),
    exportIntervalMillis: interval,
  });
  process.once('beforeExit', () => void reader.forceFlush());
  return reader;
}
