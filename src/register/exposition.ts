/** How long a text may be served again after it was made, in milliseconds. */
export const MAX_AGE = 1_000;
/** What collections may cost: a share of the time, and this many milliseconds on top for whoever asks now and then. */
const CPU_SHARE = 0.05;
const BURST = 100;
/** How long after a collection requests are read that came during it, when it held up the event loop: milliseconds, at most. */
const CATCHING_UP = 20;

// Taken before any program can replace them by fakes.
const now = performance.now.bind(performance);
const later = setTimeout;

interface Collected {
  readonly outcome: Promise<Buffer>;
  /** Undefined where the collection failed. */
  readonly text: Buffer | undefined;
  readonly at: number;
  /** How long it took to make. */
  readonly took: number;
}

/**
 * The text that is served. However many ask and however often, there is at most one collection at a time, and all who ask
 * meanwhile share its text, which is in memory once, or its failure. A scraper now and then gets a new text each time. Once
 * collections take more than their share of the time, a text is given again for up to a second.
 */
export class Exposition {
  readonly #make: () => Promise<string>;
  readonly #onFault: (error: unknown) => void;
  /** The collection that runs. */
  #running: Promise<Buffer> | undefined;
  /** What came of the last one, for as long as it may be given again. */
  #last: Collected | undefined;
  /** What collections have cost above their share, in milliseconds, and when that was so. */
  #cost = 0;
  #costAt = now();
  /** The first collection loads and compiles code, and is not held against those who ask. */
  #isFirst = true;

  /** `make` collects and writes the text; `onFault` is called once for each collection that failed. */
  constructor(make: () => Promise<string>, onFault: (error: unknown) => void) {
    this.#make = make;
    this.#onFault = onFault;
  }

  /** The text of the collection that runs, or of the last one where that will do, else of a new one. */
  read(): Promise<Buffer> {
    if (this.#running !== undefined) return this.#running;
    if (this.#last !== undefined && this.#isFreshEnough(this.#last)) return this.#last.outcome;

    this.#running = this.#collect();
    return this.#running;
  }

  /** The text that may be served again, if there is one. Never collects. */
  get latest(): Buffer | undefined {
    return this.#last === undefined || isExpired(this.#last) ? undefined : this.#last.text;
  }

  /** Whoever asked while the collection held up the event loop is heard just after it. */
  #isFreshEnough(made: Collected): boolean {
    if (isExpired(made)) return false;

    return now() - made.at < Math.min(made.took, CATCHING_UP) || this.#costNow() >= BURST;
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
    const made = { outcome, text, at, took: at - began };
    this.#cost = this.#costNow() + (this.#isFirst ? 0 : made.took);
    this.#isFirst = false;
    this.#costAt = at;
    this.#last = made;
    this.#running = undefined;
    later(() => this.#forget(made), MAX_AGE).unref(); // between two scrapes it need not be in memory
  }

  #forget(made: Collected): void {
    if (this.#last === made) this.#last = undefined;
  }
}

function isExpired({ at }: Collected): boolean {
  return now() - at >= MAX_AGE;
}
