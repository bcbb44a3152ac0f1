import type { Overview } from '../explain/overview.ts';

/** How old an overview may be that somebody gets, in milliseconds. */
export const MAX_OVERVIEW_AGE = 500;

// Kept, because tests of the program may replace them with fake timers.
const now = performance.now.bind(performance);
const { setTimeout } = globalThis;

interface Made {
  readonly outcome: Promise<Buffer>;
  readonly at: number;
}

/**
 * Provides the JSON of an overview. There is at most one in the making, and one each half second: whoever asks meanwhile gets the
 * same one.
 */
export class OverviewJson {
  readonly #make: () => Promise<Overview>;
  readonly #onFault: (error: unknown) => void;
  #running: Promise<Buffer> | undefined;
  /** The last one, while it may be used again. It may have failed. */
  #last: Made | undefined;

  /** `onFault` is called once for each overview that fails. */
  constructor(make: () => Promise<Overview>, onFault: (error: unknown) => void) {
    this.#make = make;
    this.#onFault = onFault;
  }

  read(): Promise<Buffer> {
    if (this.#running !== undefined) return this.#running;
    if (this.#last !== undefined && now() - this.#last.at < MAX_OVERVIEW_AGE) return this.#last.outcome;

    const outcome: Promise<Buffer> = Promise.resolve()
      .then(() => this.#make())
      .then(overview => Buffer.from(JSON.stringify(overview)))
      .catch(error => {
        this.#onFault(error);
        throw error;
      })
      .finally(() => this.#finished(outcome));
    this.#running = outcome;
    return outcome;
  }

  #finished(outcome: Promise<Buffer>): void {
    const made = { outcome, at: now() };
    this.#last = made;
    this.#running = undefined;
    setTimeout(() => {
      if (this.#last === made) this.#last = undefined;
    }, MAX_OVERVIEW_AGE).unref();
  }
}
