/** How long a text may be served again after it was made, in milliseconds. */
export const REUSED_FOR = 1_000;

// Taken before any program can replace them by fakes.
const now = performance.now.bind(performance);
const later = setTimeout;

interface Made {
  /** Undefined where the collection failed. */
  readonly text: Buffer | undefined;
  readonly at: number;
}

/**
 * The text that is served. However many ask and however often, there is at most one collection at a time and one a
 * second: all who ask meanwhile share its text, which is in memory once, or its failure.
 */
export class Exposition {
  readonly #make: () => Promise<string>;
  readonly #onFault: (error: unknown) => void;
  /** What all who ask now are given; undefined while nobody has asked for a second. */
  #shared: Promise<Buffer> | undefined;
  /** What came of it, once the collection is over. */
  #made: Made | undefined;

  /** `make` collects and writes the text; `onFault` is called once for each collection that failed. */
  constructor(make: () => Promise<string>, onFault: (error: unknown) => void) {
    this.#make = make;
    this.#onFault = onFault;
  }

  /** The text of the collection that runs or has just run, else of a new one. */
  read(): Promise<Buffer> {
    if (this.#made !== undefined && isOld(this.#made)) this.#forget(this.#made); // its timer is late
    this.#shared ??= this.#collect();
    return this.#shared;
  }

  /** The text that may be served again, if there is one. Never collects. */
  get latest(): Buffer | undefined {
    return this.#made === undefined || isOld(this.#made) ? undefined : this.#made.text;
  }

  #collect(): Promise<Buffer> {
    return Promise.resolve()
      .then(() => this.#make())
      .then(
        made => {
          const text = Buffer.from(made);
          this.#keep(text);
          return text;
        },
        error => {
          this.#keep(undefined);
          this.#onFault(error);
          throw error;
        },
      );
  }

  #keep(text: Buffer | undefined): void {
    const made = { text, at: now() };
    this.#made = made;
    later(() => this.#forget(made), REUSED_FOR).unref(); // between two scrapes it need not be in memory
  }

  #forget(made: Made): void {
    if (this.#made !== made) return;

    this.#made = undefined;
    this.#shared = undefined;
  }
}

function isOld({ at }: Made): boolean {
  return now() - at >= REUSED_FOR;
}
