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

/** Kinds of failed lookups told apart; programs with a `lookup` of their own may make any number of them. */
const MAX_LOOKUP_FAILURES = 12;

/** All tallies, one an origin or listener, and the looked-up names; bounded, whatever the traffic. */
export class MetricRegistry {
  /** Names being looked up now for a connection: taken anew at each collection. */
  readonly lookupsPending: Count = { attributes: {}, value: 0 };
  /** Taken anew at each collection; undefined where the host does not tell. */
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

  /** Origins, listeners and names told apart, of each. */
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

  /** The origin's tally, born on first mention; past the limit, the one that all late-comers share. */
  originCounts(origin: Origin, http: boolean): OriginCounts {
    return this.#origins.find(origin, http);
  }

  /** The same for the address that a server listens on. */
  listenerCounts(origin: Origin, http: boolean): ListenerCounts {
    return this.#listeners.find(origin, http);
  }

  /** The labels of a failed lookup: as many pairs of name and error as there are names; later ones tell their error only. */
  failedLookupAttributes(name: string, errorType: string): Attributes {
    const question = this.names.labelOf(name, 'connection');
    if (this.#lookupFailures.size < MAX_LOOKUP_FAILURES) this.#lookupFailures.add(errorType);
    const known = this.#lookupFailures.has(errorType) ? errorType : OTHER;
    const pair = `${known} ${question}`;
    if (this.#failedNames.size < this.limit) this.#failedNames.add(pair);
    return { 'dns.question.name': this.#failedNames.has(pair) ? question : OTHER, 'error.type': known };
  }
}
