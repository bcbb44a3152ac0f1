import { type Count, type MakeCount, ownCount } from './address-counts.ts';

/** A cache that keeps answers for so many seconds would have saved the lookup. The longest last. */
const WITHIN_SECONDS = [1, 30] as const;
/** How many names are remembered, the latest first. A program may look up any number of them. */
const MAX_NAMES = 1_000;

/** Counts the lookups of names that were looked up a moment before: what a cache would save. */
export class RepeatedLookups {
  /** One count per duration. A lookup that is repeated within 1 s is in both. */
  readonly all: readonly Count[];
  /** When each name was looked up last, in seconds. The oldest is the first. */
  readonly #latest = new Map<string, number>();

  constructor(make: MakeCount = ownCount) {
    this.all = WITHIN_SECONDS.map(within => make('connmeter.dns.repeated', { 'connmeter.dns.within': `${within}s` }));
  }

  /** A name was looked up. `started`: in seconds of a monotonic clock. */
  add(name: string, started: number): void {
    const before = this.#latest.get(name);
    if (before !== undefined) {
      for (const [index, within] of WITHIN_SECONDS.entries())
        if (started - before <= within) (this.all[index] as Count).value++;
      this.#latest.delete(name);
    }
    this.#latest.set(name, started);
    if (this.#latest.size > MAX_NAMES) this.#latest.delete(this.#latest.keys().next().value as string);
  }
}
