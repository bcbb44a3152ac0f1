import type { Attributes } from '@opentelemetry/api';
import { OTHER } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';
import { type Count, protocolAttributes } from './address-counts.ts';
import { BoundedIndex, normalName } from './bounded-index.ts';
import { Faults } from './faults.ts';
import { Histograms } from './histograms.ts';
import { ListenerCounts } from './listener-counts.ts';
import { LookupNames, type LookupSource } from './lookup-names.ts';
import { OriginCounts } from './origin-counts.ts';
import type { Aborts } from './parse-aborts.ts';
import type { PortUsage } from './parse-ports.ts';
import { PendingConnections } from './pending-connections.ts';
import { RepeatedLookups } from './repeated-lookups.ts';
import { OWN_MEMORY, type Storage } from './storage.ts';
import type { UncountedRecords } from './uncounted.ts';

const NO_LABELS = {};

/** Limit of distinct errors of failed lookups: a custom `lookup` function may fail with any error. */
const MAX_LOOKUP_FAILURES = 12;

/** All numbers that are read at a collection: the counts of each origin and listener, and those of the process. Bounded. */
export class MetricRegistry {
  /** Connections that wait for a lookup, and lookups in Node's thread pool. Both are read at each collection. */
  lookupsAwaited = 0;
  lookupsInThreadPool = 0;
  /** Read at each collection; undefined if the host does not show it. */
  ports: PortUsage | undefined;
  aborts: Aborts | undefined;
  readonly #nameOf: (address: string) => string;
  readonly #origins: BoundedIndex<OriginCounts>;
  readonly #listeners: BoundedIndex<ListenerCounts>;
  readonly #pending: BoundedIndex<PendingConnections>;
  readonly names: LookupNames;
  /** Where connections are noted that are not counted yet. Undefined if nobody else reads that. */
  readonly uncounted: UncountedRecords | undefined;
  readonly histograms: Histograms;
  readonly faults: Faults;
  readonly repeatedLookups: RepeatedLookups;
  /** How long work waits in Node's thread pool, in seconds. Read at each collection; undefined if it is not known. */
  threadPoolDelay: number | undefined;
  readonly #lookupFailures = new Set<string>();
  readonly #lookups = new Map<string, Attributes>();
  readonly #failedLookups = new Map<string, Attributes>();

  /** `nameOf`: the name of an address in labels. `storage`: where counters and histograms are kept. */
  constructor(
    limit: number,
    nameOf: (address: string) => string = address => address,
    { count, distribution, uncounted }: Storage = OWN_MEMORY,
  ) {
    this.uncounted = uncounted;
    this.#nameOf = nameOf;
    this.histograms = new Histograms(distribution);
    this.faults = new Faults(count);
    this.repeatedLookups = new RepeatedLookups(count);
    this.#origins = new BoundedIndex(limit, (origin, http) => new OriginCounts(origin, http, count));
    this.#listeners = new BoundedIndex(limit, (origin, http) => new ListenerCounts(origin, http, count));
    this.#pending = new BoundedIndex(limit, origin => new PendingConnections(origin));
    this.names = new LookupNames(limit, nameOf);
  }

  /**
   * Origins without a connection for long give up their places when others need them, and their series end. Not under a
   * MeterProvider of the program: its SDK keeps every series for ever.
   */
  evictUnused(on: boolean): void {
    this.#origins.onEvicted = on ? ({ histogramAttributes }) => this.histograms.forget(histogramAttributes) : undefined;
    this.#pending.onEvicted = on ? () => {} : undefined;
  }

  /** The gauges are up to date. `now`: in seconds. */
  collected(now: number): void {
    this.#origins.collected(now);
    this.#pending.collected(now);
  }

  /** Maximum number of distinct origins, listeners and looked-up names (each). */
  get limit(): number {
    return this.#origins.limit;
  }

  set limit(limit: number) {
    this.#origins.limit = limit;
    this.#listeners.limit = limit;
    this.#pending.limit = limit;
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
    return this.#origins.find(this.#named(origin), http);
  }

  /** The same for an address that a server listens on. */
  listenerCounts(origin: Origin, http: boolean): ListenerCounts {
    return this.#listeners.find(origin, http);
  }

  /** The connections to an origin that are being opened. Bounded as the counts of origins are. */
  pendingTo(origin: Origin): PendingConnections {
    return this.#pending.find(this.#named(origin), false);
  }

  /** The attributes of the counts of an origin, whether there are any or not. */
  originAttributes(origin: Origin, http: boolean): Attributes {
    const { address, port } = this.#named(origin);
    return protocolAttributes({ address: normalName(address), port }, http);
  }

  #named(origin: Origin): Origin {
    const name = this.#nameOf(origin.address);
    return name === origin.address ? origin : { address: name, port: origin.port };
  }

  get allPending(): PendingConnections[] {
    return this.#pending.all;
  }

  /** Sets the gauges of what is not open yet to zero, before a collection recomputes them. */
  resetPending(): void {
    this.lookupsAwaited = 0;
    for (const pending of this.#pending.all) pending.reset();
  }

  /**
   * Gauge of lookups in progress. Most connections wait for a lookup in the thread pool, so the two numbers must not be
   * added. With a `lookup` function of the program, connections may wait for something else.
   */
  get lookupsPending(): Count {
    return { attributes: NO_LABELS, value: Math.max(this.lookupsAwaited, this.lookupsInThreadPool) };
  }

  /** The attributes of a lookup that succeeded. */
  lookupAttributes(name: string, source: LookupSource): Attributes {
    return attributesIn(this.#lookups, this.names.labelOf(name, source));
  }

  /** The attributes of a failed lookup. At most `limit` pairs of name and error; the rest have `_OTHER` as their name. */
  failedLookupAttributes(name: string, errorType: string): Attributes {
    const question = this.names.labelOf(name, 'connection');
    if (this.#lookupFailures.size < MAX_LOOKUP_FAILURES) this.#lookupFailures.add(errorType);
    const known = this.#lookupFailures.has(errorType) ? errorType : OTHER;
    const isFull = this.#failedLookups.size >= this.limit && !this.#failedLookups.has(`${known} ${question}`);
    return attributesIn(this.#failedLookups, isFull ? OTHER : question, known);
  }
}

/** The attributes of lookups: the same object for the same name and error. */
function attributesIn(known: Map<string, Attributes>, question: string, errorType?: string): Attributes {
  const key = errorType === undefined ? question : `${errorType} ${question}`;
  let attributes = known.get(key);
  if (attributes === undefined) {
    const error = errorType === undefined ? {} : { 'error.type': errorType };
    attributes = { 'dns.question.name': question, ...error };
    known.set(key, attributes);
  }
  return attributes;
}
