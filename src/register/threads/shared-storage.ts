import type { Attributes } from '@opentelemetry/api';
import { type Count, ownCount } from '../../metrics/address-counts.ts';
import { type Distribution, emptyDistribution, type HistogramName } from '../../metrics/histograms.ts';
import type { Storage } from '../../metrics/storage.ts';
import type { Reading } from '../../metrics/table.ts';
import type { SharedMemory } from './memory.ts';
import { SeriesWriter, type Slots } from './series.ts';
import { SharedCount } from './shared-count.ts';
import { UncountedWriter } from './uncounted.ts';

/** Gauges of the whole process: the main thread knows them. */
const OF_PROCESS: ReadonlySet<string> = new Set(['connmeter.processes', 'connmeter.threads']);

/**
 * Keeps the numbers of a thread in shared memory, where the main thread reads them at any time: counters and histograms
 * with each event, gauges when they were refreshed.
 */
export class SharedStorage implements Storage {
  readonly uncounted: UncountedWriter;
  readonly #writer: SeriesWriter;
  readonly #onFull: () => void;
  #isFull = false;
  /** By metric and attributes. Undefined: there was no room. */
  readonly #gauges = new Map<string, Map<Attributes, Slots | undefined>>();

  /** `onFull`: called once, when there is no room for a series. */
  constructor(memory: SharedMemory, entry: number, onFull: () => void) {
    this.uncounted = new UncountedWriter(memory, entry);
    this.#writer = new SeriesWriter(memory, entry);
    this.#onFull = onFull;
  }

  readonly count = (metric: string, attributes: Attributes): Count => {
    const slots = this.#add(metric, attributes);
    return slots === undefined ? ownCount(metric, attributes) : new SharedCount(attributes, slots);
  };

  readonly distribution = (metric: HistogramName, attributes: Attributes): Distribution => {
    const own = emptyDistribution(metric, attributes);
    const slots = this.#add(metric, attributes);
    return slots === undefined ? own : new SharedDistribution(own, slots);
  };

  /** The gauges are up to date. */
  refreshed(readings: readonly Reading[]): void {
    for (const { metric, series } of readings) {
      if (metric.kind !== 'upDownCounter' || metric.across !== undefined || OF_PROCESS.has(metric.name)) continue;

      for (const each of series) {
        const slots = this.#gauge(metric.name, each.attributes);
        if (slots !== undefined && 'value' in each) slots.floats[slots.start] = each.value;
      }
    }
  }

  #gauge(metric: string, attributes: Attributes): Slots | undefined {
    let ofMetric = this.#gauges.get(metric);
    if (ofMetric === undefined) {
      ofMetric = new Map();
      this.#gauges.set(metric, ofMetric);
    }
    if (!ofMetric.has(attributes)) ofMetric.set(attributes, this.#add(metric, attributes));
    return ofMetric.get(attributes);
  }

  #add(metric: string, attributes: Attributes): Slots | undefined {
    const slots = this.#writer.add(metric, attributes);
    if (slots === undefined && !this.#isFull) {
      this.#isFull = true;
      this.#onFull();
    }
    return slots;
  }
}

class SharedDistribution implements Distribution {
  readonly attributes: Attributes;
  readonly buckets: number[];
  sum = 0;
  count = 0;
  readonly #floats: Float64Array;
  readonly #start: number;

  constructor({ attributes, buckets }: Distribution, { floats, start }: Slots) {
    this.attributes = attributes;
    this.buckets = buckets;
    this.#floats = floats;
    this.#start = start;
  }

  recorded(bucket: number): void {
    this.#floats[this.#start + bucket] = this.buckets[bucket] as number;
    this.#floats[this.#start + this.buckets.length] = this.sum;
  }
}
