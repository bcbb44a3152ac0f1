import { OTHER } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';

const OVERFLOW: Origin = { address: OTHER, port: undefined };

/** One tally an address, port and whether it is HTTP; past the limit, all late-comers share one. */
export class BoundedIndex<Tally extends { readonly port: number | undefined; readonly http: boolean }> {
  /** Addresses told apart. */
  limit: number;
  readonly #make: (origin: Origin, http: boolean) => Tally;
  readonly #tallies: Tally[] = [];
  readonly #byAddress = new Map<string, Tally[]>();
  readonly #overflow = new Map<boolean, Tally>();

  constructor(limit: number, make: (origin: Origin, http: boolean) => Tally) {
    this.limit = limit;
    this.#make = make;
  }

  get all(): Tally[] {
    return [...this.#tallies, ...this.#overflow.values()];
  }

  /** The tally of an address, born on first mention. */
  find(origin: Origin, http: boolean): Tally {
    const address = normalName(origin.address);
    const there = this.#byAddress.get(address);
    const known = there?.find(tally => tally.port === origin.port && tally.http === http);
    if (known !== undefined) return known;
    if (this.#tallies.length >= this.limit) return this.#late(http);

    const tally = this.#make({ address, port: origin.port }, http);
    this.#tallies.push(tally);
    if (there === undefined) this.#byAddress.set(address, [tally]);
    else there.push(tally);
    return tally;
  }

  #late(http: boolean): Tally {
    let tally = this.#overflow.get(http);
    if (tally === undefined) {
      tally = this.#make(OVERFLOW, http);
      this.#overflow.set(http, tally);
    }
    return tally;
  }
}

/** Host names are the same in any case; paths of Unix sockets are not. */
export function normalName(name: string): string {
  return name.startsWith('/') ? name : name.toLowerCase();
}
