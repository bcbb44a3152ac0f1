import type { HrTime } from '@opentelemetry/api';
import type { CollectionResult, DataPoint, Histogram, MetricData, MetricProducer } from '@opentelemetry/sdk-metrics';
import type { Count } from '../metrics/address-counts.ts';
import { BOUNDARIES, type Distribution } from '../metrics/histograms.ts';
import type { Metric, Reading } from '../metrics/table.ts';
import type { Scope } from './metrics-text.ts';
import { keyOf } from './processes/numbers.ts';
import type { Sdk } from './sdk.ts';

/** Whether a reader wants totals since the start, or the change since the last collection. */
export type Temporality = 'cumulative' | 'delta';

/** Where the numbers come from. */
export interface Source {
  readonly scope: Scope;
  /** Waits for other threads and processes, if there are any. */
  readonly collect: () => Promise<readonly Reading[]>;
}

interface ProducerOptions extends Source {
  /** Of counters and histograms. Gauges have no change since the last collection. */
  readonly temporality: Temporality;
}

/**
 * Hands the numbers of connmeter to a reader of the OpenTelemetry SDK. Each reader needs a producer of its own, because with
 * delta temporality a producer remembers what it has sent.
 * https://opentelemetry.io/docs/specs/otel/metrics/sdk/#metricproducer
 */
export function metricProducer(sdk: Sdk, { scope, temporality, collect }: ProducerOptions): MetricProducer {
  const { AggregationTemporality, DataPointType } = sdk.metrics;
  const started = hrTimeNow();
  const sent = temporality === 'delta' ? new SentValues() : undefined;
  let previous = started;

  function metricData({ metric, series }: Reading, from: HrTime, to: HrTime): MetricData {
    const isDelta = sent !== undefined && metric.kind !== 'upDownCounter';
    const { name, unit, description } = metric;
    const points = series.map(each => {
      const value = isDelta ? sent.changeOf(name, each) : currentOf(each);
      return { startTime: isDelta ? from : started, endTime: to, attributes: each.attributes, value };
    });
    const data = {
      descriptor: { name, unit, description, valueType: sdk.api.ValueType.DOUBLE },
      aggregationTemporality: isDelta ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE,
    };
    if (metric.kind === 'histogram') {
      const dataPoints = points.map(point => ({ ...point, value: histogramOf(metric, point.value as Values) }));
      return { ...data, dataPointType: DataPointType.HISTOGRAM, dataPoints: dataPoints as DataPoint<Histogram>[] };
    }
    const isMonotonic = metric.kind === 'counter';
    return { ...data, dataPointType: DataPointType.SUM, isMonotonic, dataPoints: points as DataPoint<number>[] };
  }

  return {
    async collect(): Promise<CollectionResult> {
      const readings = await collect();
      const now = hrTimeNow();
      const metrics = readings.map(reading => metricData(reading, previous, now));
      previous = now;
      const resource = sdk.resources.emptyResource(); // the reader has the one of its MeterProvider
      const scopeMetrics = metrics.length > 0 ? [{ scope, metrics }] : []; // otherwise the reader sends nothing
      return { resourceMetrics: { resource, scopeMetrics }, errors: [] };
    },
  };
}

/** The numbers of a histogram, without its attributes. */
interface Values {
  readonly buckets: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** What a reader got at its last collection. */
class SentValues {
  readonly #last = new Map<string, Map<string, number | Values>>();

  changeOf(metric: string, series: Count | Distribution): number | Values {
    let lastOfMetric = this.#last.get(metric);
    if (lastOfMetric === undefined) {
      lastOfMetric = new Map();
      this.#last.set(metric, lastOfMetric);
    }
    const now = currentOf(series);
    const key = keyOf(series.attributes);
    const last = lastOfMetric.get(key);
    lastOfMetric.set(key, now);
    if (typeof now === 'number') return now - ((last as number | undefined) ?? 0);

    const { buckets, sum, count } = (last as Values | undefined) ?? { buckets: [], sum: 0, count: 0 };
    return {
      buckets: now.buckets.map((each, index) => each - (buckets[index] ?? 0)),
      sum: now.sum - sum,
      count: now.count - count,
    };
  }
}

function currentOf(series: Count | Distribution): number | Values {
  if (!('buckets' in series)) return series.value;

  const { buckets, sum, count } = series;
  return { buckets: [...buckets], sum, count };
}

function histogramOf(metric: Metric & { kind: 'histogram' }, { buckets, sum, count }: Values): Histogram {
  return { buckets: { boundaries: [...BOUNDARIES[metric.name]], counts: [...buckets] }, sum, count };
}

function hrTimeNow(): HrTime {
  const milliseconds = Date.now();
  return [Math.floor(milliseconds / 1000), (milliseconds % 1000) * 1e6];
}
