import { type Page, TextMemory, TextOutput, written } from './text-memory.ts';

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
const { setImmediate, setTimeout } = globalThis;

/** The text of `/metrics`, in pieces: to join a long text would block the event loop for longer than to write a piece. */
export class Text {
  /** They are written over when nobody uses them any more. */
  readonly plain: readonly Buffer[];
  readonly #free: () => void;
  #uses = 0;
  #compressed: Promise<readonly Buffer[]> | undefined;

  constructor(plain: readonly Buffer[], free: () => void) {
    this.plain = plain;
    this.#free = free;
  }

  /** Compressed when it is first asked for. */
  gzip(): Promise<readonly Buffer[]> {
    this.#compressed ??= compress(this.plain).finally(this.use());
    return this.#compressed;
  }

  /** Whoever needs the pieces for longer than now says so, and calls the result when that is over. */
  use(): () => void {
    this.#uses++;
    let isOver = false;
    return () => {
      if (isOver) return;

      isOver = true;
      if (--this.#uses === 0) this.#free();
    };
  }
}

/** Writes a text. At each `yield`, other work may run. */
export type WriteText = (out: TextOutput) => Iterable<void>;

interface Collected {
  readonly outcome: Promise<Text>;
  /** Undefined if the collection failed. */
  readonly text: Text | undefined;
  readonly at: number;
  /** How long the collection took, without the time in which the program ran. */
  readonly took: number;
}

/**
 * Provides the text of `/metrics`, which `prometheus.ts` makes. There is at most one collection at a time; all requests that arrive
 * meanwhile share its result, so the text is in memory once. Each scrape normally gets a new text. If collections take more
 * than their budget, the last text is reused for up to a second. Between two pieces of the text, the program runs.
 */
export class Exposition {
  readonly #make: () => Promise<WriteText>;
  readonly #onFault: (error: unknown) => void;
  readonly #memory = new TextMemory();
  /** The collection in progress. */
  #running: Promise<Text> | undefined;
  /** The last collection, while its text may be reused. */
  #last: Collected | undefined;
  /** Milliseconds that collections have taken beyond their share, as of `#costAt`. It shrinks as time passes. */
  #cost = 0;
  #costAt = now();
  /** The first collection loads and compiles code, so it is not charged to the budget. */
  #isFirst = true;

  /** `make` collects the metrics. `onFault` is called once for each collection that fails. */
  constructor(make: () => Promise<WriteText>, onFault: (error: unknown) => void) {
    this.#make = make;
    this.#onFault = onFault;
  }

  /** The text of the collection in progress, of the last one if it may be reused, or of a new one. */
  read(): Promise<Text> {
    if (this.#running !== undefined) return this.#running;
    if (this.#last !== undefined && this.#isFreshEnough(this.#last)) return this.#last.outcome;

    this.#running = this.#collect();
    return this.#running;
  }

  /** The text of the last collection, if it may be reused. Never collects. */
  get latest(): Text | undefined {
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

  #collect(): Promise<Text> {
    const time = new WorkingTime();
    const outcome: Promise<Text> = Promise.resolve()
      .then(() => time.of(() => this.#make()))
      .then(write => inTurns(write, this.#memory, time))
      .then(
        pages => {
          const text = new Text(written(pages), () => this.#memory.free(pages));
          this.#finished(outcome, text, time);
          return text;
        },
        error => {
          this.#finished(outcome, undefined, time);
          this.#onFault(error);
          throw error;
        },
      );
    return outcome;
  }

  #finished(outcome: Promise<Text>, text: Text | undefined, { spent }: WorkingTime): void {
    const at = now();
    const collected = { outcome, text, at, took: spent };
    this.#cost = this.#costNow() + (this.#isFirst ? 0 : spent);
    this.#isFirst = false;
    this.#costAt = at;
    this.#last = collected;
    this.#running = undefined;
    const release = text?.use();
    setTimeout(() => {
      if (this.#last === collected) this.#last = undefined;
      release?.();
    }, MAX_AGE).unref();
  }
}

function isExpired({ at }: Collected): boolean {
  return now() - at >= MAX_AGE;
}

/** Adds up the time of several pieces of work, in milliseconds. */
class WorkingTime {
  spent = 0;

  of<Result>(work: () => Result): Result {
    const began = now();
    try {
      return work();
    } finally {
      this.spent += now() - began;
    }
  }
}

/** Writes each piece in a turn of its own. */
async function inTurns(write: WriteText, memory: TextMemory, time: WorkingTime): Promise<readonly Page[]> {
  const out = new TextOutput(memory);
  const pieces = write(out)[Symbol.iterator]();
  for (;;) {
    await new Promise<void>(resolve => setImmediate(resolve));

    if (time.of(() => pieces.next().done)) return out.pages;
  }
}

export function lengthOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** In Node's thread pool, at the fastest level: another one takes much longer and saves little. */
function compress(plain: readonly Buffer[]): Promise<readonly Buffer[]> {
  const { createGzip } = process.getBuiltinModule('node:zlib');
  return new Promise((resolve, reject) => {
    const compressed: Buffer[] = [];
    const gzip = createGzip({ level: 1 });
    gzip.on('data', (piece: Buffer) => compressed.push(piece));
    gzip.on('end', () => resolve(compressed)).on('error', reject);
    for (const piece of plain) gzip.write(piece);
    gzip.end();
  });
}
