import { errorType, isLookupFailure } from '../core/errors.ts';
import type { Recorder } from './recorder.ts';
import type { MetricRegistry } from './registry.ts';
import { ResolvedNames } from './resolved-names.ts';

/** Records each DNS lookup once, by name. Answers from a cache are not lookups. */
export class Lookups {
  readonly #registry: MetricRegistry;
  readonly #record: Recorder;
  /** What the program's lookups with `dns.lookup()` found. */
  readonly resolved = new ResolvedNames();
  readonly #failures = new WeakSet<object>();
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

  /** `getaddrinfo`: the lookup was a `dns.lookup()`; otherwise it was a query to a DNS server. */
  succeeded(name: string, getaddrinfo: boolean, seconds: number): void {
    if (name === this.#ignoredName) {
      this.#ignoredName = undefined;
      return;
    }
    const question = this.#registry.names.labelOf(name, getaddrinfo ? 'lookup' : 'query');
    this.#record('dns.lookup.duration', seconds, { 'dns.question.name': question });
  }

  /** A lookup of a socket failed. A custom `lookup` function that caches errors may pass the same error to several sockets. */
  failed(name: string, seconds: number, error: unknown): void {
    if (!isLookupFailure(error) || this.#failures.has(error as object)) return;

    this.#failures.add(error as object);
    this.#record('dns.lookup.duration', seconds, this.#registry.failedLookupAttributes(name, errorType(error)));
  }
}
