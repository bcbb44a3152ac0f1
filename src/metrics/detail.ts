import type { Attributes } from '@opentelemetry/api';
import type { Count } from './address-counts.ts';
import type { Distribution } from './histograms.ts';
import type { MetricRegistry } from './registry.ts';
import { type CountedMetric, countsOf, METRICS, type Metric, type Reading, readAll } from './table.ts';

/** How many series there are: all, or at most 25 per origin. The column `basic` of the metrics table has the difference. */
export const DETAILS = ['basic', 'full'] as const;

export type Detail = (typeof DETAILS)[number];

/** The metrics that a detail shows, and their series. Use one object for all collections: a series keeps its labels object. */
export class ShownMetrics {
  readonly metrics: readonly Metric[];
  readonly #names: ReadonlySet<string>;
  /** The metrics whose labels are shortened. */
  readonly #shortened = new Map<string, ShortLabels>();

  constructor(detail: Detail) {
    this.metrics = detail === 'full' ? METRICS : METRICS.filter(({ basic }) => basic !== 'left out');
    this.#names = new Set(this.metrics.map(({ name }) => name));
    if (detail === 'full') return;

    for (const { name, basic } of this.metrics)
      if (typeof basic === 'function') this.#shortened.set(name, new ShortLabels(basic));
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** The labels with which the metric shows a series. */
  labelsOf(name: string, labels: Attributes): Attributes {
    return this.#shortened.get(name)?.of(labels).labels ?? labels;
  }

  countsOf(metric: CountedMetric, registry: MetricRegistry): Iterable<Count> {
    const short = this.#shortened.get(metric.name);
    const counts = countsOf(metric, registry);
    return short === undefined ? counts : added(counts, short);
  }

  /** Reads all metrics that have series. Numbers that are not added up are not copied: they change with the next event. */
  readAll(registry: MetricRegistry): Reading[] {
    return readAll(registry, this.metrics).map(reading => {
      const short = this.#shortened.get(reading.metric.name);
      return short === undefined ? reading : { ...reading, series: [...added(reading.series, short)] };
    });
  }
}

interface Shortened {
  readonly labels: Attributes;
  /** Equal for equal labels. */
  readonly key: string;
}

/** Shortens the labels of each series once. */
class ShortLabels {
  readonly #shorten: (labels: Attributes) => Attributes;
  readonly #known = new WeakMap<Attributes, Shortened>();

  constructor(shorten: (labels: Attributes) => Attributes) {
    this.#shorten = shorten;
  }

  of(labels: Attributes): Shortened {
    let short = this.#known.get(labels);
    if (short === undefined) {
      const shortLabels = this.#shorten(labels);
      short = { labels: shortLabels, key: JSON.stringify(shortLabels) };
      this.#known.set(labels, short);
    }
    return short;
  }
}

/** Adds up the series whose short labels are equal. The sum has the labels object of the first of them, which comes first each time. */
function added<Series extends Count | Distribution>(all: Iterable<Series>, short: ShortLabels): Iterable<Series> {
  const sums = new Map<string, Series>();
  for (const series of all) {
    const { key, labels } = short.of(series.attributes);
    const sum = sums.get(key);
    if (sum === undefined) sums.set(key, copyOf(series, labels));
    else addTo(sum, series);
  }
  return sums.values();
}

function copyOf<Series extends Count | Distribution>(series: Series, attributes: Attributes): Series {
  return 'buckets' in series ? { ...series, attributes, buckets: [...series.buckets] } : { ...series, attributes };
}

function addTo(sum: Count | Distribution, series: Count | Distribution): void {
  if ('buckets' in sum && 'buckets' in series) {
    for (const [index, each] of series.buckets.entries()) (sum.buckets[index] as number) += each;
    sum.sum += series.sum;
    sum.count += series.count;
  } else if ('value' in sum && 'value' in series) {
    sum.value += series.value;
  }
}
