// Scrapes this process as Prometheus would, and records values that must never occur.
import { type Attributes, DiagLogLevel, diag } from '@opentelemetry/api';
import { type DataPoint, DataPointType, type Histogram, MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../../src/index.ts';
import { ManualReader } from '../support/manual-reader.ts';
import type { SoakPoint } from './plan.ts';

export type Metrics = Record<string, readonly SoakPoint[]>;

const GAUGES = [
  'http.client.open_connections',
  'http.client.active_requests',
  'connmeter.open_connections',
  'connmeter.body.held',
  'connmeter.connection.pending',
  'connmeter.dns.pending',
  'connmeter.server.connection.open',
];
/** Metrics of the host, which depend on other programs. */
const OF_THE_HOST = /^connmeter\.ports\./;

export class Scrapes {
  /** Faults of connmeter. */
  readonly warnings: string[] = [];
  readonly impossible: string[] = [];
  /** Maximum of each gauge. */
  readonly most: Record<string, number> = {};
  done = 0;
  series = 0;
  /** Series per origin in the last scrape. */
  readonly perOrigin = new Map<string, number>();
  readonly #reader = new ManualReader();
  readonly #before = new Map<string, number>();

  constructor() {
    const complain = (...words: unknown[]) => {
      const text = words.map(word => (word instanceof Error ? word.stack : String(word))).join(' ');
      if (!/ created at /.test(text)) this.warnings.push(text); // a call-site warning is about the program
    };
    diag.setLogger(
      { verbose() {}, debug() {}, info() {}, warn: complain, error: complain },
      { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
    );
    new ConnectionInstrumentation().setMeterProvider(new MeterProvider({ readers: [this.#reader] }));
  }

  /** Collects, and checks the values. */
  async read(): Promise<Metrics> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    this.warnings.push(...errors.map(String));
    const metrics: Metrics = {};
    this.done++;
    this.series = 0;
    this.perOrigin.clear();
    for (const { descriptor, dataPointType, dataPoints } of resourceMetrics.scopeMetrics.flatMap(
      scope => scope.metrics,
    )) {
      metrics[descriptor.name] =
        dataPointType === DataPointType.HISTOGRAM
          ? (dataPoints as DataPoint<Histogram>[]).map(point => this.#ofHistogram(point))
          : (dataPoints as DataPoint<number>[]).map(point => this.#ofNumber(point));
      for (const { attributes, value } of metrics[descriptor.name] ?? [])
        this.#check(descriptor.name, attributes, value);
    }
    return metrics;
  }

  #ofHistogram({ attributes, value: { count, sum = 0, min, max, buckets } }: DataPoint<Histogram>): SoakPoint {
    this.#countSeries(attributes, buckets.counts.length + 2);
    return { attributes, value: count, sum, min, max };
  }

  #ofNumber({ attributes, value }: DataPoint<number>): SoakPoint {
    this.#countSeries(attributes, 1);
    return { attributes, value, sum: 0 };
  }

  #countSeries(attributes: Attributes, series: number): void {
    const origin = ['server.address', 'server.port', 'network.protocol.name'].map(label => attributes[label]).join(' ');
    this.series += series;
    if (attributes['server.address'] === undefined) return; // a series of a name, not of an origin
    this.perOrigin.set(origin, (this.perOrigin.get(origin) ?? 0) + series);
  }

  #check(name: string, attributes: Attributes, value: number): void {
    const key = `${name} ${JSON.stringify(attributes)}`;
    const before = this.#before.get(key) ?? 0;
    this.#before.set(key, value);
    if (value < 0) this.#note(`${key} is ${value}`);
    if (GAUGES.includes(name)) this.most[name] = Math.max(this.most[name] ?? 0, value);
    else if (value < before && !OF_THE_HOST.test(name)) this.#note(`${key} fell from ${before} to ${value}`);
  }

  #note(what: string): void {
    if (this.impossible.length < 20) this.impossible.push(what);
  }
}

/** The sum of a metric's series; 0 if there are none. */
export function total(metrics: Readonly<Metrics>, name: string, labels: Attributes = {}): number {
  const wanted = Object.entries(labels);
  return (metrics[name] ?? [])
    .filter(({ attributes }) => wanted.every(([key, value]) => attributes[key] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

/** All gauge series that are not zero. */
export function notZero(metrics: Readonly<Metrics>): string[] {
  return GAUGES.flatMap(name =>
    (metrics[name] ?? [])
      .filter(({ value }) => value !== 0)
      .map(({ attributes, value }) => `${name} ${JSON.stringify(attributes)} is ${value}`),
  );
}
