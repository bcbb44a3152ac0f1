import type { Attributes } from '@opentelemetry/api';
import { OTHER } from '../../core/errors.ts';
import type { Count } from '../../metrics/address-counts.ts';
import { type Distribution, emptyDistribution } from '../../metrics/histograms.ts';
import { METRICS, type Metric, type Reading } from '../../metrics/table.ts';

/** The value of one series: a number, or the buckets, the sum and the count of a histogram. */
type Value = number | readonly [buckets: readonly number[], sum: number, count: number];

/** All numbers of one process, as they are sent to another one: by the name of the metric. */
export type Numbers = Readonly<Record<string, readonly (readonly [attributes: Attributes, value: Value])[]>>;

/** Which numbers of a process are added. */
export type Which = 'all' | 'totals';

const keys = new WeakMap<Attributes, string>();

/** A key that is the same for equal attributes. Attributes do not change, and are used again. */
export function keyOf(attributes: Attributes): string {
  let key = keys.get(attributes);
  if (key === undefined) {
    key = JSON.stringify(attributes);
    keys.set(attributes, key);
  }
  return key;
}

/** The numbers of a process, each with the id of the process. */
export function withPid(numbers: Numbers, pid: number): Numbers {
  return Object.fromEntries(
    Object.entries(numbers).map(([name, series]) => [
      name,
      series.map(([attributes, value]) => [{ ...attributes, 'process.pid': pid }, value]),
    ]),
  );
}

export function numbersOf(readings: readonly Reading[]): Numbers {
  return Object.fromEntries(
    readings.map(({ metric, series }) => [
      metric.name,
      series.map(each => [each.attributes, 'buckets' in each ? [each.buckets, each.sum, each.count] : each.value]),
    ]),
  );
}

/**
 * Adds up the numbers of several processes. Series with the same attributes become one. Beyond `limit` addresses, all further
 * ones share the series of `_OTHER`, as in one process.
 */
export class Sum {
  readonly #limit: number;
  readonly #series = new Map<string, Map<string, Count | Distribution>>();
  readonly #addresses = { client: new Set<string>(), server: new Set<string>() };

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds numbers, or with `factor` -1 takes them away again. `totals` are those that never fall: without gauges. */
  add(numbers: Numbers, which: Which = 'all', factor: 1 | -1 = 1): void {
    for (const metric of METRICS) {
      const isGauge = metric.kind === 'upDownCounter';
      if (isGauge && which === 'totals') continue;

      for (const [attributes, value] of numbers[metric.name] ?? []) {
        const series = this.#find(metric, this.#bounded(metric, attributes));
        if ('buckets' in series) addValues(series, value, factor);
        else if (metric.kind !== 'histogram' && metric.across === 'max')
          series.value = Math.max(series.value, Number(value)); // also if it is to be taken away: it is the same thing
        else series.value += factor * Number(value);
      }
    }
  }

  get readings(): Reading[] {
    return METRICS.map(metric => ({ metric, series: [...(this.#series.get(metric.name)?.values() ?? [])] })).filter(
      ({ series }) => series.length > 0,
    );
  }

  /** What never falls: everything except gauges. */
  get totals(): Numbers {
    return numbersOf(this.readings.filter(({ metric }) => metric.kind !== 'upDownCounter'));
  }

  /** Raises all numbers to these, if they are smaller. `present`: only those of series that are there. */
  raiseTo(totals: Numbers, which: 'all' | 'present' = 'all'): void {
    for (const metric of METRICS) {
      for (const [attributes, value] of totals[metric.name] ?? []) {
        if (which === 'present' && !this.#series.get(metric.name)?.has(keyOf(attributes))) continue;

        const series = this.#find(metric, attributes);
        if (!('buckets' in series)) series.value = Math.max(series.value, Number(value));
        else if (typeof value !== 'number') {
          const [buckets, sum, count] = value;
          series.buckets.forEach((each, index) => {
            series.buckets[index] = Math.max(each, buckets[index] ?? 0);
          });
          series.sum = Math.max(series.sum, sum);
          series.count = Math.max(series.count, count);
        }
      }
    }
  }

  get numbers(): Numbers {
    return numbersOf(this.readings);
  }

  #find(metric: Metric, attributes: Attributes): Count | Distribution {
    let ofMetric = this.#series.get(metric.name);
    if (ofMetric === undefined) {
      ofMetric = new Map();
      this.#series.set(metric.name, ofMetric);
    }
    const key = keyOf(attributes);
    let series = ofMetric.get(key);
    if (series === undefined) {
      series = metric.kind === 'histogram' ? emptyDistribution(metric.name, attributes) : { attributes, value: 0 };
      ofMetric.set(key, series);
    }
    return series;
  }

  #bounded(metric: Metric, attributes: Attributes): Attributes {
    const { 'server.address': address, 'server.port': port, ...others } = attributes;
    if (address === undefined) return attributes;

    const addresses = this.#addresses[metric.name.startsWith('connmeter.server.') ? 'server' : 'client'];
    const key = `${address} ${port}`;
    if (addresses.has(key) || address === OTHER) return attributes;
    if (addresses.size >= this.#limit) return { 'server.address': OTHER, ...others };

    addresses.add(key);
    return attributes;
  }
}

function addValues(series: Distribution, value: Value, factor: 1 | -1): void {
  if (typeof value === 'number') return;

  const [buckets, sum, count] = value;
  for (const [index, each] of buckets.entries()) (series.buckets[index] as number) += factor * each;
  series.sum += factor * sum;
  series.count += factor * count;
}
