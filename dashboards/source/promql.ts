import { BOUNDARIES } from '../../src/metrics/histograms.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { prometheusName, type Transport } from './metric-names.ts';
import { PLACE } from './place.ts';

/** Label matchers in addition to those of the variables: `{ connmeter_phase: 'dns' }`. `null` means that the label is absent. */
export type Matchers = Readonly<Record<string, string | null>>;

/** The labels of a server, for `by`. */
export const SERVER = 'server_address, server_port';
export const SERVER_LEGEND = '{{server_address}}:{{server_port}}';

/** The labels of an instance, for `by`. */
export const INSTANCE = 'job, instance';

/** Matches requests on a reused connection. */
export const REUSED = { connmeter_connection_reused: 'true' } as const;

/**
 * Metrics that the variable `server` does not filter. It lists the servers that the program calls. Lookups have a name instead,
 * metrics of the program's own servers have the address they listen on, ports belong to the host, and the rest to connmeter itself.
 */
const WITHOUT_SERVER =
  /^(dns\.lookup\.duration|connmeter\.dns\.(pending|repeated)|connmeter\.(faults|processes|threads|threadpool\.delay)|connmeter\.(server|ports|tcp)\..+)$/;

/**
 * Queries for the metrics of one transport, filtered by the variables of the dashboard. `rate` comes before `sum`, so that the
 * restart of a process does not give a negative number.
 */
export class PromQL {
  readonly #transport: Transport;
  readonly #window: string;

  constructor(transport: Transport, window = '$__rate_interval') {
    this.#transport = transport;
    this.#window = window;
  }

  /** The same queries for what happens now, whatever the time range of the dashboard is: over the last 5 minutes. */
  now(): PromQL {
    return new PromQL(this.#transport, '5m');
  }

  /** The current value of a gauge. */
  gauge(name: string, by = '', matchers: Matchers = {}): string {
    return sum(this.#series(name, '', matchers), by);
  }

  /** Zero while a process reports, otherwise nothing. Each process has exactly one series of this metric. */
  zero(): string {
    return `0 * count(${this.#series('connmeter.dns.pending', '', {})})`;
  }

  /** The lowest value of a gauge among all series. */
  min(name: string): string {
    return `min(${this.#series(name, '', {})})`;
  }

  /** The highest value of a gauge among the series with the same labels. */
  largest(name: string, by: string): string {
    return `max by (${by}) (${this.#series(name, '', {})})`;
  }

  /** The average of a gauge over time. */
  average(name: string, by = ''): string {
    return sum(`avg_over_time(${this.#series(name, '', {})}[${this.#window}])`, by);
  }

  /** The rate of a counter, as the mean of the instances. */
  mean(name: string, by: string): string {
    return `avg by (${by}) (sum by (${by}, ${INSTANCE}) (${this.#rateOf(name, '', {})}))`;
  }

  /** The rate of what fails at a server: connection attempts, and requests that were sent. */
  failures(by = ''): string {
    return sum(
      `${this.#rateOf('connmeter.connection.failed', '', {})} or ${this.#rateOf('connmeter.requests.failed', '', {})}`,
      by,
    );
  }

  /** The rate of a counter, or of the events in a histogram. */
  rate(name: string, by = '', matchers: Matchers = {}): string {
    return sum(this.#rateOf(name, isHistogram(name) ? '_count' : '', matchers), by);
  }

  /** `>= 0` drops the NaN of a time without events, which a legend would show. */
  quantile(quantile: number, name: string, by = ''): string {
    const buckets = sum(this.#rateOf(name, '_bucket', {}), by === '' ? 'le' : `le, ${by}`);
    return `histogram_quantile(${quantile}, ${buckets}) >= 0`;
  }

  /** The rate of a histogram's sum. */
  rateOfSum(name: string, by = ''): string {
    return sum(this.#rateOf(name, '_sum', {}), by);
  }

  /** The rate of the events in a histogram that are at most `boundary`, which has to be one of its bucket boundaries. */
  rateUpTo(name: string, boundary: number, by = ''): string {
    const boundaries: readonly number[] = BOUNDARIES[histogram(name).name];
    if (!boundaries.includes(boundary)) throw new Error(`${name} has no boundary ${boundary}`);

    // Prometheus 3 writes 1 as 1.0
    const le = Number.isInteger(boundary) ? `${boundary}(\\\\.0)?` : `${boundary}`;
    return sum(this.#rateOf(name, '_bucket', { le }), by);
  }

  #rateOf(name: string, suffix: string, matchers: Matchers): string {
    return `rate(${this.#series(name, suffix, matchers)}[${this.#window}])`;
  }

  #series(name: string, suffix: string, matchers: Matchers): string {
    const all = [PLACE, 'instance=~"$instance"'];
    if (!WITHOUT_SERVER.test(name)) all.push('server_address=~"$server"');
    for (const [label, value] of Object.entries(matchers)) all.push(matcher(label, value));
    return `${prometheusName(name, this.#transport)}${suffix}{${all.join(', ')}}`;
  }
}

/** A series, or `zero` where it has no value but the processes report. */
export function orZero(series: string, zero: string): string {
  return `${series} or ${zero}`;
}

/**
 * The same series with one more label. With `from`, only those whose label `from` has this value, which stands for `$1` in the text;
 * by default, any value.
 */
export function labelled(
  series: string,
  label: string,
  text: string,
  from = '',
  value = from === '' ? '' : '(.+)',
): string {
  return `label_replace(${series}, "${label}", "${text}", "${from}", "${value}")`;
}

/** A ratio. Where `whole` is zero there is no result, instead of NaN. */
export function share(part: string, whole: string): string {
  return `${part} / (${whole} > 0)`;
}

export function sum(series: string, by = ''): string {
  return by === '' ? `sum(${series})` : `sum by (${by}) (${series})`;
}

function matcher(label: string, value: string | null): string {
  if (value === null) return `${label}=""`;
  return /^\w+$/.test(value) ? `${label}="${value}"` : `${label}=~"${value}"`;
}

function isHistogram(name: string): boolean {
  return METRICS.some(metric => metric.name === name && metric.kind === 'histogram');
}

function histogram(name: string) {
  for (const metric of METRICS) if (metric.name === name && metric.kind === 'histogram') return metric;
  throw new Error(`connmeter exports no histogram ${name}`);
}
