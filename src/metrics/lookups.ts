import { errorType, isLookupFailure } from '../core/errors.ts';
import type { Recorder } from './recorder.ts';
import type { MetricRegistry } from './registry.ts';
import { ResolvedNames } from './resolved-names.ts';

/** The name of a lookup whose name was never seen. It cannot be a host name of the program. */
const UNKNOWN_NAME = '';

/** How many given-up lookups are remembered. */
const MAX_ABANDONED = 256;
/** A socket starts its lookup in the turn in which it is created. Without a name, only this time identifies the lookup. */
const TURN_SECONDS = 0.05;

/** A lookup that was given up: it started between two times, the second of them the latest possible. */
interface AbandonedLookup {
  readonly name: string | undefined;
  readonly from: number;
  readonly to: number;
}

/** Records each DNS lookup once, by name. Answers from a cache are not lookups. */
export class Lookups {
  readonly #registry: MetricRegistry;
  readonly #record: Recorder;
  /** What the program's lookups with `dns.lookup()` found. */
  readonly resolved = new ResolvedNames();
  readonly #failures = new WeakSet<object>();
  /** The latest lookups that were given up. Those that succeed later must not count again. */
  readonly #abandoned: AbandonedLookup[] = [];
  /** The next successful lookup of this name is not the program's. */
  #ignoredName: string | undefined;

  constructor(registry: MetricRegistry, record: Recorder) {
    this.#registry = registry;
    this.#record = record;
  }

  /** Excludes the next successful lookup of a name. */
  ignoreNext(name: string): void {
    this.#ignoredName = name;
  }

  /**
   * `getaddrinfo`: the lookup was a `dns.lookup()`; otherwise it was a query to a DNS server. `started`: in seconds of the
   * monotonic clock.
   */
  succeeded(name: string, getaddrinfo: boolean, started: number, seconds: number): void {
    if (name === this.#ignoredName) {
      this.#ignoredName = undefined;
      return;
    }
    if (this.#wasAbandoned(name, started)) return;

    this.#registry.repeatedLookups.add(name, started);
    const attributes = this.#registry.lookupAttributes(name, getaddrinfo ? 'lookup' : 'query');
    this.#record('dns.lookup.duration', seconds, attributes);
  }

  /** A lookup of a socket failed. A custom `lookup` function that caches errors may pass the same error to several sockets. */
  failed(name: string, seconds: number, error: unknown): void {
    if (!isLookupFailure(error) || this.#failures.has(error as object)) return;

    this.#failures.add(error as object);
    this.#record('dns.lookup.duration', seconds, this.#registry.failedLookupAttributes(name, errorType(error)));
  }

  /**
   * A socket was given up during its lookup, after this time. The lookup still runs, and may succeed later. `name`: undefined
   * if it is not known, because only the end of the lookup would show it.
   */
  abandoned(name: string | undefined, started: number, seconds: number, errorType: string): void {
    const to = name === undefined ? started + TURN_SECONDS : started + seconds;
    this.#abandoned.push({ name: name?.toLowerCase(), from: started, to });
    if (this.#abandoned.length > MAX_ABANDONED) this.#abandoned.shift();
    const question = name ?? UNKNOWN_NAME;
    this.#record('dns.lookup.duration', seconds, this.#registry.failedLookupAttributes(question, errorType));
  }

  /** Whether this lookup was counted already, when its socket was given up. */
  #wasAbandoned(name: string, started: number): boolean {
    const lowerCased = name.toLowerCase();
    const index = this.#abandoned.findIndex(
      ({ name, from, to }) => (name === undefined || name === lowerCased) && from <= started && started <= to,
    );
    if (index < 0) return false;

    this.#abandoned.splice(index, 1);
    return true;
  }
}
