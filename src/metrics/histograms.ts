import type { Attributes } from '@opentelemetry/api';
import type { Recorder } from './recorder.ts';

/** Connects within a data centre take less than 5 ms; a lost SYN takes them above 0.5 s. Every bucket is a series per origin. */
const CONNECT_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 3];
/** Even resumed handshakes rarely take less than a millisecond. */
const HANDSHAKE_SECONDS = [0.005, 0.025, 0.1, 0.5, 3];
/** The buckets of `http.client.connection.duration` in OpenTelemetry's semantic conventions. */
const LIFETIME_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const LIFETIME_REQUESTS = [0, 1, 2, 5, 10, 50, 100, 1000];
/** The buckets of `dns.lookup.duration` in the conventions. */
const LOOKUP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The buckets of .NET for the same metric: https://learn.microsoft.com/dotnet/core/diagnostics/built-in-metrics-system-net */
const QUEUE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The idle limits of servers, clients and balancers: Node's server 5 s, undici 4 s, nginx and balancers 60 s and more. */
const IDLE_SECONDS = [0.5, 1, 5, 15, 60, 300];

/** The upper limits of the buckets of each histogram, in the unit of the metric. */
export const BOUNDARIES = {
  'http.client.connection.duration': LIFETIME_SECONDS,
  'http.client.request.time_in_queue': QUEUE_SECONDS,
  'connmeter.connection.requests': LIFETIME_REQUESTS,
  'connmeter.connect.duration': CONNECT_SECONDS,
  'connmeter.tls.handshake.duration': HANDSHAKE_SECONDS,
  'connmeter.connection.idle_time': IDLE_SECONDS,
  'dns.lookup.duration': LOOKUP_SECONDS,
  'connmeter.server.connection.duration': LIFETIME_SECONDS,
  'connmeter.server.connection.requests': LIFETIME_REQUESTS,
  'connmeter.server.connection.idle_time': IDLE_SECONDS,
  'connmeter.server.tls.handshake.duration': HANDSHAKE_SECONDS,
} as const satisfies Readonly<Record<string, readonly number[]>>;

/** The histograms, which are recorded once per connection or lookup. All other metrics are counted. */
export type HistogramName = keyof typeof BOUNDARIES;

/** The values of one series of a histogram. */
export interface Distribution {
  readonly attributes: Attributes;
  /** How many values are at most as large as each boundary, and larger than the one before; the last, how many are larger than all. */
  readonly buckets: number[];
  sum: number;
  count: number;
  /** Called after a value was added to this bucket. */
  readonly recorded?: (bucket: number) => void;
}

/** Makes a series of a histogram, without values. */
export type MakeDistribution = (metric: HistogramName, attributes: Attributes) => Distribution;

export const emptyDistribution: MakeDistribution = (metric, attributes) => {
  return { attributes, buckets: new Array<number>(BOUNDARIES[metric].length + 1).fill(0), sum: 0, count: 0 };
};

/** Adds a value to a series, so many times. */
export function addValue(metric: HistogramName, distribution: Distribution, value: number, times = 1): void {
  const boundaries: readonly number[] = BOUNDARIES[metric];
  let bucket = 0;
  while (bucket < boundaries.length && value > (boundaries[bucket] as number)) bucket++;
  (distribution.buckets[bucket] as number) += times;
  distribution.sum += value * times;
  distribution.count += times;
  distribution.recorded?.(bucket);
}

/** All histograms. Each series is identified by its attributes: the same object each time, which whoever records must keep. */
export class Histograms {
  readonly #make: MakeDistribution;
  readonly #series: Readonly<Record<HistogramName, Map<Attributes, Distribution>>>;

  constructor(make: MakeDistribution = emptyDistribution) {
    this.#make = make;
    const names = Object.keys(BOUNDARIES) as HistogramName[];
    this.#series = Object.fromEntries(names.map(name => [name, new Map()])) as never;
  }

  readonly record: Recorder = (metric, value, attributes, times) => {
    const series = this.#series[metric];
    let distribution = series.get(attributes);
    if (distribution === undefined) {
      distribution = this.#make(metric, attributes);
      series.set(attributes, distribution);
    }
    addValue(metric, distribution, value, times);
  };

  /** Removes all series with these attributes. */
  forget(attributes: readonly Attributes[]): void {
    for (const series of Object.values(this.#series)) for (const each of attributes) series.delete(each);
  }

  /** The series of one histogram. */
  of(metric: HistogramName): Iterable<Distribution> {
    return this.#series[metric].values();
  }
}
