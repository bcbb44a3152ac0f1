import { setImmediate as nextRound } from 'node:timers/promises';
import type {
  BatchObservableCallback,
  BatchObservableResult,
  Meter,
  MeterProvider,
  Observable,
} from '@opentelemetry/api';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { DataPointType, type MetricData, MeterProvider as Provider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../src/index.ts';
import { VERSION } from '../src/version.ts';
import { type ConnectionScript, HTTP_CONNECTION, UNDICI_CONNECTION } from './replayed-clients.ts';
import { median } from './statistics.ts';

export interface ScrapeTask {
  readonly origins: number;
  readonly scrapes: number;
}

/** Milliseconds of CPU time: medians of several scrapes. */
export interface ScrapeResult {
  readonly series: number;
  /** A complete scrape: collection and serialisation. */
  readonly whole: number;
  /** The time in connmeter's callback, without the time to observe the same number of prepared values. */
  readonly callback: number;
  /** A complete scrape of the same series without connmeter. */
  readonly exporter: number;
}

/** Raises the SDK's cardinality limit, which a thousand origins exceed. */
export const NO_CARDINALITY_LIMIT = { instrumentName: '*', aggregationCardinalityLimit: 1_000_000 };

/** Scrapes connmeter, and alternately a provider with the same series and prepared values. */
export async function scrape({ origins, scrapes }: ScrapeTask): Promise<ScrapeResult> {
  const connmeter = scraping();
  new ConnectionInstrumentation({ maxOrigins: Math.max(origins, 1), callSites: false }).setMeterProvider(
    connmeter.provider,
  );
  for (let i = 0; i < origins; i++) {
    await playConnections(`origin-${i}.test`);
  }
  const twin = scraping();
  for (const metric of await connmeter.metrics()) replicateMetric(twin.provider.getMeter('connmeter', VERSION), metric);

  const [seriesOfTwin, series] = [linesOf(await twin.text()), linesOf(await connmeter.text())];
  if (series !== seriesOfTwin) throw new Error(`${series} series, but ${seriesOfTwin} to compare them with`);

  const [ours, theirs] = [connmeter, twin].map(() => ({ whole: [] as number[], callback: [] as number[] }));
  for (let i = 0; i < scrapes + 1; i++) {
    for (const [of, times] of [[connmeter, ours] as const, [twin, theirs] as const]) {
      globalThis.gc?.();
      of.reset();
      const whole = await cpuTimeOf(of.text);
      if (i === 0) continue; // warms up
      times?.whole.push(whole);
      times?.callback.push(of.inCallbacks());
    }
  }
  if (ours === undefined || theirs === undefined) throw new Error('unreachable');
  return {
    series,
    whole: median(ours.whole),
    callback: median(ours.callback) - median(theirs.callback),
    exporter: median(theirs.whole),
  };
}

/** Replays the connections of an ordinary origin: of each client, two idle ones and one that closes. */
export async function playConnections(host: string): Promise<void> {
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

interface Scraping {
  readonly provider: MeterProvider;
  metrics(): Promise<MetricData[]>;
  text(): Promise<string>;
  /** Milliseconds of CPU time in observable callbacks, since the last reset. */
  inCallbacks(): number;
  reset(): void;
}

/** A provider and an exporter with timed callbacks. */
function scraping(): Scraping {
  const exporter = new PrometheusExporter({ preventServerStart: true });
  const serializer = new PrometheusSerializer();
  const real = new Provider({ readers: [exporter], views: [NO_CARDINALITY_LIMIT] });
  let spent = 0;
  const timed = (callback: BatchObservableCallback) => (result: BatchObservableResult) => {
    const before = process.cpuUsage();
    callback(result);
    const { user, system } = process.cpuUsage(before);
    spent += (user + system) / 1000;
  };
  const timing = (meter: Meter): Meter =>
    Object.assign(Object.create(meter), {
      addBatchObservableCallback: (callback: BatchObservableCallback, instruments: Observable[]) =>
        meter.addBatchObservableCallback(timed(callback), instruments),
    });
  return {
    provider: { getMeter: (...args) => timing(real.getMeter(...args)) },
    metrics: async () => (await exporter.collect()).resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics),
    text: async () => serializer.serialize((await exporter.collect()).resourceMetrics),
    inCallbacks: () => spent,
    reset: () => {
      spent = 0;
    },
  };
}

/** Creates the same series with the same names from prepared values. */
export function replicateMetric(meter: Meter, { descriptor, dataPointType, dataPoints, ...metric }: MetricData): void {
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

async function cpuTimeOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function linesOf(exposition: string): number {
  return exposition.split('\n').filter(line => line !== '' && !line.startsWith('#')).length;
}
