import { OTHER } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';

const OVERFLOW: Origin = { address: OTHER, port: undefined };

/** How long an entry has to be unused before it gives up its place, in seconds. Longer than the usual pauses of a service. */
export const MIN_UNUSED = 900;

interface Entry {
  readonly address: string;
  readonly port: number | undefined;
  readonly http: boolean;
  /** A connection is counted in it now, as of the last collection. */
  readonly isInUse: boolean;
}

/**
 * One entry per combination of address, port and `http`. Once there are `limit` entries, the one that has been unused for longest gives
 * up its place, if that is long enough. If none is, all further combinations share one entry for HTTP and one for the rest.
 */
export class BoundedIndex<Counts extends Entry> {
  limit: number;
  /** Called with each entry that gave up its place. Undefined if none may. */
  onEvicted: ((counts: Counts) => void) | undefined;
  readonly #make: (origin: Origin, http: boolean) => Counts;
  /** Since which collection an entry is unused, in seconds. */
  readonly #unusedSince = new Map<Counts, number>();
  #now = 0;
  readonly #entries: Counts[] = [];
  readonly #byAddress = new Map<string, Counts[]>();
  readonly #overflow = new Map<boolean, Counts>();

  constructor(limit: number, make: (origin: Origin, http: boolean) => Counts) {
    this.limit = limit;
    this.#make = make;
  }

  get all(): Counts[] {
    return [...this.#entries, ...this.#overflow.values()];
  }

  /** Returns the entry of an address, and creates it if there is none. */
  find(origin: Origin, http: boolean): Counts {
    const address = normalName(origin.address);
    const sameAddress = this.#byAddress.get(address);
    const known = sameAddress?.find(counts => counts.port === origin.port && counts.http === http);
    if (known !== undefined) {
      if (this.#unusedSince.size > 0) this.#unusedSince.delete(known);
      return known;
    }
    if (this.#entries.length >= this.limit && !this.#evict()) return this.#overflowCounts(http);

    const counts = this.#make({ address, port: origin.port }, http);
    this.#entries.push(counts);
    if (sameAddress === undefined) this.#byAddress.set(address, [counts]);
    else sameAddress.push(counts);
    return counts;
  }

  /** Notes which entries are unused, after a collection. `now`: in seconds. */
  collected(now: number): void {
    if (this.onEvicted === undefined) return;

    this.#now = now;
    for (const entry of this.#entries) {
      if (entry.isInUse) this.#unusedSince.delete(entry);
      else if (!this.#unusedSince.has(entry)) this.#unusedSince.set(entry, now);
    }
  }

  /** Removes the entry that has been unused for longest. The map has them in that order. */
  #evict(): boolean {
    const [oldest] = this.#unusedSince;
    if (oldest === undefined || this.onEvicted === undefined) return false;

    const [entry, since] = oldest;
    if (this.#now - since < MIN_UNUSED) return false;

    this.#unusedSince.delete(entry);
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    const left = (this.#byAddress.get(entry.address) ?? []).filter(other => other !== entry);
    if (left.length > 0) this.#byAddress.set(entry.address, left);
    else this.#byAddress.delete(entry.address);
    this.onEvicted(entry);
    return true;
  }

  #overflowCounts(http: boolean): Counts {
    let counts = this.#overflow.get(http);
    if (counts === undefined) {
      counts = this.#make(OVERFLOW, http);
      this.#overflow.set(http, counts);
    }
    return counts;
  }
}

/** Converts host names to lower case, but not paths of Unix sockets, which are case-sensitive. */
export function normalName(name: string): string {
  return name.startsWith('/') ? name : name.toLowerCase();
}
