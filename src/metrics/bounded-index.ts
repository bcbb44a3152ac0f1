import { OTHER } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';

const OVERFLOW: Origin = { address: OTHER, port: undefined };

/**
 * One entry per combination of address, port and `http`. Once there are `limit` entries, all further combinations share one
 * entry for HTTP and one for the rest.
 */
export class BoundedIndex<Counts extends { readonly port: number | undefined; readonly http: boolean }> {
  limit: number;
  readonly #make: (origin: Origin, http: boolean) => Counts;
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
    if (known !== undefined) return known;
    if (this.#entries.length >= this.limit) return this.#overflowCounts(http);

    const counts = this.#make({ address, port: origin.port }, http);
    this.#entries.push(counts);
    if (sameAddress === undefined) this.#byAddress.set(address, [counts]);
    else sameAddress.push(counts);
    return counts;
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
