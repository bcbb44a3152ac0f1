import type { PeriodicExportingMetricReader, PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { Environment } from './environment.ts';
import { metricProducer, type Source } from './producer.ts';
import { detectInstance, loadOtlpExporter, loadSdk, type Sdk } from './sdk.ts';

/** The default of OpenTelemetry's SDK. It must not be longer than the interval. In milliseconds. */
const MAX_EXPORT_TIME = 30_000;

type PushOptions = Pick<Environment, 'exporters' | 'otlpProtocol' | 'interval'> & {
  readonly warn: (line: string) => void;
};

/**
 * Starts the exporters that push: at an interval, and before the program ends by itself. One that cannot be loaded does not affect
 * the others. Returns a function that pushes now; it resolves when all have, or have failed.
 */
export function startPushing(
  source: Source,
  { exporters, otlpProtocol, interval, warn }: PushOptions,
): () => Promise<void> {
  const sdk = loadSdk();
  const started: PushMetricExporter[] = [];
  if (exporters.includes('console')) started.push(new sdk.metrics.ConsoleMetricExporter());
  if (exporters.includes('otlp')) {
    try {
      started.push(loadOtlpExporter(otlpProtocol));
    } catch (error) {
      warn(`cannot export over OTLP: ${error instanceof Error ? error.message : error}`);
    }
  }
  const readers = started.map(exporter => readerFor(exporter, sdk, source, interval));
  const provider = new sdk.metrics.MeterProvider({ resource: detectInstance(sdk.resources), readers });
  const flush = () => provider.forceFlush().catch(() => {});
  process.once('beforeExit', () => void flush());
  return flush;
}

function readerFor(
  exporter: PushMetricExporter,
  sdk: Sdk,
  source: Source,
  interval: number,
): PeriodicExportingMetricReader {
  const { AggregationTemporality, InstrumentType, PeriodicExportingMetricReader } = sdk.metrics;
  const preferred = exporter.selectAggregationTemporality?.(InstrumentType.COUNTER);
  const temporality = preferred === AggregationTemporality.DELTA ? 'delta' : 'cumulative';
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: interval,
    exportTimeoutMillis: Math.min(interval, MAX_EXPORT_TIME),
    metricProducers: [metricProducer(sdk, { ...source, temporality })],
  });
}
