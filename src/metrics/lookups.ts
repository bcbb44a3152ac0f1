import { errorType, isLookupFailure } from '../core/errors.ts';
import type { Recorder } from './recorder.ts';
import type { MetricRegistry } from './registry.ts';

/** Counts each true DNS lookup once, under its name. */
export class Lookups {
  readonly #registry: MetricRegistry;
  readonly #record: Recorder;
  readonly #seen = new WeakSet<object>();
  /** The name whose next lookup is not the program's. */
  #ignoredName: string | undefined;

  constructor(registry: MetricRegistry, record: Recorder) {
    this.#registry = registry;
    this.#record = record;
  }

  /** The next lookup of the name that succeeds is not counted. */
  ignoreNext(name: string): void {
    this.#ignoredName = name;
  }

  /** `bySystem`: the system was asked for an address, as by `dns.lookup`; else a DNS server, for a record of any type. */
  succeeded(name: string, bySystem: boolean, seconds: number): void {
    if (name === this.#ignoredName) {
      this.#ignoredName = undefined;
      return;
    }
    const question = this.#registry.names.labelOf(name, bySystem ? 'lookup' : 'query');
    this.#record('dns.lookup.duration', seconds, { 'dns.question.name': question });
  }

  /** A failure reaches us by a socket; a `lookup` function that keeps failures hands the same error to many. */
  failed(name: string, seconds: number, error: unknown): void {
    if (!isLookupFailure(error) || this.#seen.has(error as object)) return;

    this.#seen.add(error as object);
    this.#record('dns.lookup.duration', seconds, this.#registry.failedLookupAttributes(name, errorType(error)));
  }
}
