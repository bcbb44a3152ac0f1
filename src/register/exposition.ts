/** How long a text may be reused, in milliseconds. */
export const MAX_AGE = 1_000;
/** Collections may take this share of the time. */
const CPU_SHARE = 0.05;
/** They may exceed their share by this many milliseconds, so that an occasional scrape always gets new numbers. */
const BURST = 100;
/**
 * A collection blocks the event loop, so requests that arrive meanwhile are read just after it. For this many milliseconds
 * after a collection, requests get its text.
 */
const BACKLOG = 20;

// Kept, because tests of the program may replace them with fake timers.
const now = performance.now.bind(performance);
const { setTimeout } = globalThis;

interface Collected {
  readonly outcome: Promise<Buffer>;
  /** Undefined if the collection failed. */
  readonly text: Buffer | undefined;
  readonly at: number;
  /** How long the collection took. */
  readonly took: number;
}

/**
 * Provides the text of `/metrics`, which `readers.ts` makes. There is at most one collection at a time; all requests that arrive meanwhile share its
 * result, so the text is in memory once. Each scrape normally gets a new text. If collections take more than their budget,
 * the last text is reused for up to a second.
 */
export class Exposition {
  readonly #make: () => Promise<string>;
  readonly #onFault: (error: unknown) => void;
  /** The collection in progress. */
  #running: Promise<Buffer> | undefined;
  /** The last collection, while its text may be reused. */
  #last: Collected | undefined;
  /** Milliseconds that collections have taken beyond their share, as of `#costAt`. It shrinks as time passes. */
  #cost = 0;
  #costAt = now();
  /** The first collection loads and compiles code, so it is not charged to the budget. */
  #isFirst = true;

  /** `make` collects the metrics and serializes them. `onFault` is called once for each collection that fails. */
  constructor(make: () => Promise<string>, onFault: (error: unknown) => void) {
    this.#make = make;
    this.#onFault = onFault;
  }

  /** The text of the collection in progress, of the last one if it may be reused, or of a new one. */
  read(): Promise<Buffer> {
    if (this.#running !== undefined) return this.#running;
    if (this.#last !== undefined && this.#isFreshEnough(this.#last)) return this.#last.outcome;

    this.#running = this.#collect();
    return this.#running;
  }

  /** The text of the last collection, if it may be reused. Never collects. */
  get latest(): Buffer | undefined {
    return this.#last === undefined || isExpired(this.#last) ? undefined : this.#last.text;
  }

  /** Requests that arrived while the last collection blocked the event loop are read right after it, and share its text. */
  #isFreshEnough(last: Collected): boolean {
    if (isExpired(last)) return false;

    return now() - last.at < Math.min(last.took, BACKLOG) || this.#costNow() >= BURST;
  }

  #costNow(): number {
    return Math.max(0, this.#cost - (now() - this.#costAt) * CPU_SHARE);
  }

  #collect(): Promise<Buffer> {
    const began = now();
    const outcome: Promise<Buffer> = Promise.resolve()
      .then(() => this.#make())
      .then(
        made => {
          const text = Buffer.from(made);
          this.#finished(outcome, text, began);
          return text;
        },
        error => {
          this.#finished(outcome, undefined, began);
          this.#onFault(error);
          throw error;
        },
      );
    return outcome;
  }

  #finished(outcome: Promise<Buffer>, text: Buffer | undefined, began: number): void {
    const at = now();
    const collected = { outcome, text, at, took: at - began };
    this.#cost = this.#costNow() + (this.#isFirst ? 0 : collected.took);
    this.#isFirst = false;
    this.#costAt = at;
    this.#last = collected;
    this.#running = undefined;
    setTimeout(() => this.#forget(collected), MAX_AGE).unref(); // so that it is not kept in memory between scrapes
  }

  #forget(last: Collected): void {
    if (this.#last === last) this.#last = undefined;
  }
}

function isExpired({ at }: Collected): boolean {
  return now() - at >= MAX_AGE;
}
