import type { Attributes } from '@opentelemetry/api';
import { OTHER } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';
import type { Count } from './address-counts.ts';
import { BoundedIndex } from './bounded-index.ts';
import { Faults } from './faults.ts';
import { ListenerCounts } from './listener-counts.ts';
import { LookupNames } from './lookup-names.ts';
import { OriginCounts } from './origin-counts.ts';
import type { PortUsage } from './parse-ports.ts';

/** Limit of distinct errors of failed lookups: a custom `lookup` function may fail with any error. */
const MAX_LOOKUP_FAILURES = 12;

/** All numbers that are read at a collection: the counts of each origin and listener, and those of the process. Bounded. */
export class MetricRegistry {
  /** Gauge of lookups in progress for connections. */
  readonly lookupsPending: Count = { attributes: {}, value: 0 };
  /** Read at each collection; undefined if the host does not show it. */
  ports: PortUsage | undefined;
  readonly #origins: BoundedIndex<OriginCounts>;
  readonly #listeners: BoundedIndex<ListenerCounts>;
  readonly names: LookupNames;
  readonly faults = new Faults();
  readonly #lookupFailures = new Set<string>();
  readonly #failedNames = new Set<string>();

  constructor(limit: number) {
    this.#origins = new BoundedIndex(limit, (origin, http) => new OriginCounts(origin, http));
    this.#listeners = new BoundedIndex(limit, (origin, http) => new ListenerCounts(origin, http));
    this.names = new LookupNames(limit);
  }

  /** Maximum number of distinct origins, listeners and looked-up names (each). */
  get limit(): number {
    return this.#origins.limit;
  }

  set limit(limit: number) {
    this.#origins.limit = limit;
    this.#listeners.limit = limit;
    this.names.limit = limit;
  }

  get allOriginCounts(): OriginCounts[] {
    return this.#origins.all;
  }

  get allListenerCounts(): ListenerCounts[] {
    return this.#listeners.all;
  }

  /** Returns the counts of an origin, and creates them if there are none. Beyond the limit, they are those of `_OTHER`. */
  originCounts(origin: Origin, http: boolean): OriginCounts {
    return this.#origins.find(origin, http);
  }

  /** The same for an address that a server listens on. */
  listenerCounts(origin: Origin, http: boolean): ListenerCounts {
    return this.#listeners.find(origin, http);
  }

  /** The attributes of a failed lookup. At most `limit` pairs of name and error; the rest have `_OTHER` as their name. */
  failedLookupAttributes(name: string, errorType: string): Attributes {
    const question = this.names.labelOf(name, 'connection');
    if (this.#lookupFailures.size < MAX_LOOKUP_FAILURES) this.#lookupFailures.add(errorType);
    const known = this.#lookupFailures.has(errorType) ? errorType : OTHER;
    const pair = `${known} ${question}`;
    if (this.#failedNames.size < this.limit) this.#failedNames.add(pair);
    return { 'dns.question.name': this.#failedNames.has(pair) ? question : OTHER, 'error.type': known };
  }
}
