import type { BatchObservableResult, Histogram, Meter, Observable } from '@opentelemetry/api';
import { BOUNDARIES, type HistogramName } from './histograms.ts';
import type { Recorder } from './recorder.ts';
import type { MetricRegistry } from './registry.ts';
import { type CountedMetric, countsOf, type HistogramMetric, METRICS } from './table.ts';

export interface Instruments {
  readonly record: Recorder;
  readonly stop: () => void;
}

/** Creates the instruments on a meter. `refresh` updates the registry and is called before each collection reads it. */
export function createInstruments(meter: Meter, registry: MetricRegistry, refresh: () => void): Instruments {
  const observed: { metric: CountedMetric; instrument: Observable }[] = [];
  const histograms = new Map<HistogramName, Histogram>();
  for (const metric of METRICS) {
    if (metric.kind === 'histogram') histograms.set(metric.name, histogramOf(meter, metric));
    else observed.push({ metric, instrument: observableOf(meter, metric) });
  }

  const instruments = observed.map(({ instrument }) => instrument);
  const read = (result: BatchObservableResult) => {
    refresh();
    for (const { metric, instrument } of observed) {
      for (const { value, attributes } of countsOf(metric, registry)) result.observe(instrument, value, attributes);
    }
  };
  meter.addBatchObservableCallback(read, instruments);

  return {
    record: (metric, value, attributes) => histograms.get(metric)?.record(value, attributes),
    stop: () => meter.removeBatchObservableCallback(read, instruments),
  };
}

function observableOf(meter: Meter, { name, kind, unit, description }: CountedMetric): Observable {
  const options = { unit, description };
  return kind === 'counter'
    ? meter.createObservableCounter(name, options)
    : meter.createObservableUpDownCounter(name, options);
}

function histogramOf(meter: Meter, { name, unit, description }: HistogramMetric): Histogram {
  const advice = { explicitBucketBoundaries: [...BOUNDARIES[name]] };
  return meter.createHistogram(name, { unit, description, advice });
}
