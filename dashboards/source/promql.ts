import { METRICS } from '../../src/instruments.ts';
import { type Spelling, spell } from './metric-names.ts';

/** Label matchers besides those of the variables: `{ connmeter_phase: 'dns' }`; `null`: the label is absent. */
export type Matchers = Readonly<Record<string, string | null>>;

/** What tells one server from another, in every panel by server. */
export const SERVER = 'server_address, server_port';
export const SERVER_LEGEND = '{{server_address}}:{{server_port}}';

/** What tells one instance from another, where several jobs are shown. */
export const INSTANCE = 'job, instance';

/**
 * The variable `server` chooses among servers that are called. Lookups know a name and no server; a server of this process has
 * the address it listens on, which is none that anybody calls; ports are the host's.
 */
const WITHOUT_SERVER = /^(dns\.lookup\.duration|connmeter\.dns\.pending|connmeter\.(server|ports)\..+)$/;

/**
 * Questions in one spelling. Each asks for the raw series that the variables choose, and takes `rate` before `sum`, so that a
 * process that starts anew is no negative number.
 */
export class PromQL {
  readonly #spelling: Spelling;
  readonly #window: string;

  constructor(spelling: Spelling, window = '$__rate_interval') {
    this.#spelling = spelling;
    this.#window = window;
  }

  /** The same questions over the whole time range shown. */
  overTheRange(): PromQL {
    return new PromQL(this.#spelling, '$__range');
  }

  /** What is now: a gauge. */
  now(name: string, by = '', matchers: Matchers = {}): string {
    return sum(this.#series(name, '', matchers), by);
  }

  /** A gauge's least value of all. */
  least(name: string): string {
    return `min(${this.#series(name, '', {})})`;
  }

  /** A gauge, on average. */
  average(name: string, by = ''): string {
    return sum(`avg_over_time(${this.#series(name, '', {})}[${this.#window}])`, by);
  }

  /** Counted per second: a counter, or the events of a histogram. */
  rate(name: string, by = '', matchers: Matchers = {}): string {
    return sum(this.#rateOf(name, isHistogram(name) ? '_count' : '', matchers), by);
  }

  /** Nothing where nothing happened: there the function says NaN, which a legend would spell out. */
  quantile(quantile: number, name: string, by = ''): string {
    const buckets = sum(this.#rateOf(name, '_bucket', {}), by === '' ? 'le' : `le, ${by}`);
    return `histogram_quantile(${quantile}, ${buckets}) >= 0`;
  }

  /** Of a histogram, the sum of what was measured, per second. */
  rateOfSum(name: string, by = ''): string {
    return sum(this.#rateOf(name, '_sum', {}), by);
  }

  /** Of a histogram, how many events per second were at most so large: `most` has to be one of its boundaries. */
  rateUpTo(name: string, most: number, by = ''): string {
    const { boundaries } = histogram(name);
    if (!boundaries.includes(most)) throw new Error(`${name} has no boundary ${most}`);

    // Prometheus 3 writes 1 as 1.0
    return sum(this.#rateOf(name, '_bucket', { le: Number.isInteger(most) ? `${most}(\\\\.0)?` : `${most}` }), by);
  }

  #rateOf(name: string, suffix: string, matchers: Matchers): string {
    return `rate(${this.#series(name, suffix, matchers)}[${this.#window}])`;
  }

  #series(name: string, suffix: string, matchers: Matchers): string {
    const chosen = ['job=~"$job"', 'instance=~"$instance"'];
    if (!WITHOUT_SERVER.test(name)) chosen.push('server_address=~"$server"');
    for (const [label, value] of Object.entries(matchers)) chosen.push(matcher(label, value));
    return `${spell(name, this.#spelling)}${suffix}{${chosen.join(', ')}}`;
  }
}

/** Part of a whole, per `by`; where there is nothing to share there is no answer, rather than NaN. */
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
