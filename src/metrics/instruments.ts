import type {
  Attributes,
  BatchObservableResult,
  Counter,
  Histogram,
  Meter,
  Observable,
  UpDownCounter,
} from '@opentelemetry/api';
import type { ShownMetrics } from './detail.ts';
import { BOUNDARIES, type HistogramName } from './histograms.ts';
import type { Recorder } from './recorder.ts';
import type { MetricRegistry } from './registry.ts';
import type { CountedMetric, HistogramMetric } from './table.ts';

/** The instruments on one meter. They can start again after they were stopped, and go on where they were. */
export interface Instruments {
  readonly record: Recorder;
  readonly start: () => void;
  readonly stop: () => void;
}

/** The one metric whose value the SDK asks for: always 1, at the begin of each collection. */
const ASKED = 'connmeter.processes';

/**
 * Creates the instruments of the shown metrics on a meter. `refresh` updates the registry and is called before each collection reads it.
 *
 * At each collection, counters and gauges get what has changed since the last one. An observable would be simpler, but if a View
 * drops labels, the SDK keeps one of the observed values, and does not add them up.
 */
export function createInstruments(
  meter: Meter,
  registry: MetricRegistry,
  shown: ShownMetrics,
  refresh: () => void,
): Instruments {
  const changes: Changes[] = [];
  const histograms = new Map<HistogramName, Histogram>();
  const asked: Observable[] = [];
  for (const metric of shown.metrics) {
    const { name, unit, description } = metric;
    if (metric.kind === 'histogram') histograms.set(metric.name, histogramOf(meter, metric));
    else if (name === ASKED) asked.push(meter.createObservableUpDownCounter(name, { unit, description }));
    else changes.push(new Changes(meter, metric, shown));
  }
  const read = (result: BatchObservableResult) => {
    refresh();
    for (const each of changes) each.read(registry);
    for (const each of asked) result.observe(each, 1);
  };
  return {
    record: (metric, value, attributes, times = 1) => {
      const labels = shown.labelsOf(metric, attributes);
      for (let i = 0; i < times; i++) histograms.get(metric)?.record(value, labels); // the SDK has nothing for groups
    },
    start: () => meter.addBatchObservableCallback(read, asked),
    stop: () => meter.removeBatchObservableCallback(read, asked),
  };
}

/** Adds what has changed in the counts of one metric to its instrument. */
class Changes {
  readonly #metric: CountedMetric;
  readonly #instrument: Counter | UpDownCounter;
  readonly #shown: ShownMetrics;
  /** The last value of each series. */
  readonly #last = new Map<Attributes, number>();

  constructor(meter: Meter, metric: CountedMetric, shown: ShownMetrics) {
    const { name, kind, unit, description } = metric;
    this.#metric = metric;
    this.#shown = shown;
    this.#instrument =
      kind === 'counter'
        ? meter.createCounter(name, { unit, description })
        : meter.createUpDownCounter(name, { unit, description });
  }

  read(registry: MetricRegistry): void {
    for (const { value, attributes } of this.#shown.countsOf(this.#metric, registry)) {
      const last = this.#last.get(attributes);
      if (value === last) continue;

      this.#last.set(attributes, value);
      this.#instrument.add(value - (last ?? 0), attributes); // a new series begins, also at zero
    }
  }
}

function histogramOf(meter: Meter, { name, unit, description }: HistogramMetric): Histogram {
  const advice = { explicitBucketBoundaries: [...BOUNDARIES[name]] };
  return meter.createHistogram(name, { unit, description, advice });
}
