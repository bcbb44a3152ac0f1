import { OTHER } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';

const OVERFLOW: Origin = { address: OTHER, port: undefined };

/** One tally an address, port and whether it is HTTP; past the limit, all late-comers share one. */
export class BoundedIndex<Tally extends { readonly port: number | undefined; readonly http: boolean }> {
  /** Addresses told apart. */
  limit: number;
  readonly #make: (origin: Origin, http: boolean) => Tally;
  readonly #entries: Tally[] = [];
  readonly #byAddress = new Map<string, Tally[]>();
  readonly #overflow = new Map<boolean, Tally>();

  constructor(limit: number, make: (origin: Origin, http: boolean) => Tally) {
    this.limit = limit;
    this.#make = make;
  }

  get all(): Tally[] {
    return [...this.#entries, ...this.#overflow.values()];
  }

  /** The tally of an address, born on first mention. */
  find(origin: Origin, http: boolean): Tally {
    const address = normalName(origin.address);
    const there = this.#byAddress.get(address);
    const known = there?.find(counts => counts.port === origin.port && counts.http === http);
    if (known !== undefined) return known;
    if (this.#entries.length >= this.limit) return this.#overflowCounts(http);

    const counts = this.#make({ address, port: origin.port }, http);
    this.#entries.push(counts);
    if (there === undefined) this.#byAddress.set(address, [counts]);
    else there.push(counts);
    return counts;
  }

  #overflowCounts(http: boolean): Tally {
    let counts = this.#overflow.get(http);
    if (counts === undefined) {
      counts = this.#make(OVERFLOW, http);
      this.#overflow.set(http, counts);
    }
    return counts;
  }
}

/** Host names are the same in any case; paths of Unix sockets are not. */
export function normalName(name: string): string {
  return name.startsWith('/') ? name : name.toLowerCase();
}
