// Collects in this process as a reader of OpenTelemetry does.
import { type Attributes, DiagLogLevel, diag } from '@opentelemetry/api';
import { type DataPoint, DataPointType, type Histogram, MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../../src/index.ts';
import { ManualReader } from '../support/manual-reader.ts';
import type { SoakPoint } from './plan.ts';
import { type Metrics, SeenValues } from './seen-values.ts';

export class Scrapes {
  /** Faults of connmeter. */
  readonly warnings: string[] = [];
  readonly values = new SeenValues();
  done = 0;
  series = 0;
  /** Series per origin in the last scrape. */
  readonly perOrigin = new Map<string, number>();
  readonly #reader = new ManualReader();

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
        this.values.see(descriptor.name, attributes, value);
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
}
