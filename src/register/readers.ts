import type { IMetricReader } from '@opentelemetry/sdk-metrics';
import { guardWith, oncePerPlace, stackOf } from '../core/guard.ts';
import type { Reading } from '../metrics/table.ts';
import type { Environment } from './environment.ts';
import { Exposition } from './exposition.ts';
import { MetricsPort, type PortOptions } from './metrics-port.ts';
import { createMetricsServer } from './metrics-server.ts';
import { MetricsText, type Scope } from './metrics-text.ts';
import type { Sharing } from './processes/sharing.ts';
import { metricProducer } from './producer.ts';
import { resourceAttributes, type Sdk } from './sdk.ts';

/** Where the numbers come from. */
export interface Source {
  readonly scope: Scope;
  readonly read: () => readonly Reading[];
}

type PrometheusOptions = Pick<Environment, 'host' | 'port' | 'allowedHosts'> &
  Pick<PortOptions, 'ignoreServer' | 'warn' | 'info'> & {
    /** The numbers of other processes are added; undefined if each serves its own. */
    readonly sharing: () => Sharing | undefined;
    /** Called for each fault; only the first one at each place is also printed. */
    readonly countFault: () => void;
  };

/** Serves `/metrics`. */
export function servePrometheus(
  { scope, read }: Source,
  { host, port, allowedHosts, sharing, ignoreServer, countFault, warn, info }: PrometheusOptions,
): void {
  const warnOnce = oncePerPlace((where, error) =>
    warn(`could not ${where}; the program is not affected: ${stackOf(error)}`),
  );
  const onFault = (where: string, error: unknown) => {
    countFault();
    warnOnce(where, error);
  };
  const text = new MetricsText(scope);
  let resource: ReturnType<typeof resourceAttributes> | undefined;
  const exposition = new Exposition(
    async () => {
      resource ??= resourceAttributes();
      return text.pieces(await (sharing()?.read() ?? read()), resource);
    },
    error => onFault('write the metrics', error),
  );
  const guard = guardWith(onFault);
  new MetricsPort({
    host,
    port,
    createServer: () => createMetricsServer(exposition, { host, allowed: allowedHosts }, guard),
    ignoreServer,
    sharing,
    warn,
    info,
    guard,
  });
}

/** Prints the metrics to the console at an interval, and before the program ends. */
export function consoleReader(sdk: Sdk, source: Source, { interval }: Pick<Environment, 'interval'>): IMetricReader {
  const { ConsoleMetricExporter, PeriodicExportingMetricReader } = sdk.metrics;
  const reader = new PeriodicExportingMetricReader({
    exporter: new ConsoleMetricExporter(),
    exportIntervalMillis: interval,
    metricProducers: [metricProducer(sdk, { ...source, temporality: 'cumulative' })],
  });
  process.once('beforeExit', () => void reader.forceFlush());
  return reader;
}
