import type { Guard } from '../../core/guard.ts';
import type { ShownMetrics } from '../../metrics/detail.ts';
import type { Reading } from '../../metrics/table.ts';
import { type Numbers, numbersOf, Sum } from '../processes/numbers.ts';
import type { SharedMemory } from './memory.ts';
import { SeriesReader } from './series.ts';
import { watchThreads } from './started-threads.ts';
import { takeUncounted } from './uncounted.ts';

// Kept, because tests of the program may replace them with fakes.
const { setTimeout, clearTimeout } = globalThis;

/** How long a collection waits for threads that do not answer, in milliseconds. They answer within one round of their event loop. */
export const MAX_WAIT = 100;

export interface ThreadsOptions {
  readonly memory: SharedMemory;
  /** The numbers of the main thread. */
  readonly read: () => readonly Reading[];
  /** Which of the numbers of the other threads are shown: those of the main thread are read as they are. */
  readonly shown: Pick<ShownMetrics, 'has' | 'labelsOf'>;
  /** Maximum number of addresses in the sum. */
  readonly maxOrigins: number;
  readonly guard: Guard;
}

/**
 * In the main thread: adds the numbers of all threads of this process to its own. They are in shared memory, so a thread need
 * not run for that. What ended threads have counted stays in the sum.
 */
export class Threads {
  readonly #options: ThreadsOptions;
  readonly #readers = new Map<number, SeriesReader>();
  /** What ended threads have counted, and what blocked threads will not count themselves any more. */
  readonly #ended: Sum;
  /** There has never been another thread: the usual case, in which nothing is added up, and series may end. */
  #isAlone = true;
  /** The totals that were read last. None of them falls, not even by the rounding of a sum. */
  #latest: Numbers = {};
  #isExiting = false;
  #atFirstEvent: (() => void) | undefined;
  #asking: Promise<void> | undefined;
  #onNews = () => {};

  constructor(options: ThreadsOptions) {
    const { memory, maxOrigins, guard } = options;
    this.#options = options;
    this.#ended = new Sum(maxOrigins);
    watchThreads(guard, {
      started: () => this.#begin(),
      ended: threadId => {
        memory.ended(threadId);
        this.#addEnded();
      },
    });
  }

  /** Calls back once, when a thread begins to measure something. */
  atFirstEvent(begin: () => void): void {
    this.#atFirstEvent = begin;
  }

  /** The sum of this process, as of now. `keepsAlive`: the process lives until all threads have answered, or the wait is over. */
  async collect(keepsAlive = false): Promise<readonly Reading[]> {
    await this.refresh(keepsAlive);
    return this.read();
  }

  /**
   * Asks the threads to bring their gauges up to date, and to count what they can. Resolves when all have, or after
   * {@link MAX_WAIT}. Nobody waits twice for a thread that is blocked.
   */
  async refresh(keepsAlive = false): Promise<void> {
    if (this.#isAlone) return;

    this.#asking ??= this.#ask(keepsAlive).finally(() => {
      this.#asking = undefined;
    });
    await this.#asking;
  }

  /** The sum of this process, with what its threads have counted so far. */
  read(): readonly Reading[] {
    const { memory, read, maxOrigins } = this.#options;
    this.#addEnded();
    const own = read();
    if (this.#isAlone) return own;

    const sum = new Sum(maxOrigins);
    sum.add(numbersOf(own));
    for (const entry of memory.entries) {
      if (this.#isExiting || this.#isBlocked(entry)) this.#takeUncounted(entry);
      const isRunning = memory.stateOf(entry) === 'running';
      sum.add(this.#shown(this.#readerOf(entry).read()), isRunning ? 'all' : 'totals');
      if (isRunning) sum.add({ 'connmeter.threads': [[{}, 1]] });
    }
    sum.add(this.#ended.numbers, 'totals');
    sum.raiseTo(this.#latest, 'present');
    this.#latest = sum.totals;
    return sum.readings;
  }

  /** The first thread is started. */
  #begin(): void {
    if (!this.#isAlone) return;

    this.#isAlone = false;
    process.once('exit', () => {
      this.#isExiting = true;
    });
    this.#listen(this.#options.memory.news);
  }

  async #ask(keepsAlive: boolean): Promise<void> {
    const { memory } = this.#options;
    const waiting = new Set(memory.entries.filter(entry => isRunning(memory, entry) && !this.#isBlocked(entry)));
    const turn = memory.ask();

    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, MAX_WAIT);
      if (!keepsAlive) timer.unref();
      this.#onNews = () => {
        for (const entry of waiting)
          if (memory.answerOf(entry) === turn || !isRunning(memory, entry)) waiting.delete(entry);
        if (waiting.size > 0) return;

        clearTimeout(timer);
        resolve();
      };
      this.#onNews();
    });
    this.#onNews = () => {};
  }

  /** It has not answered the last question. */
  #isBlocked(entry: number): boolean {
    const { memory } = this.#options;
    return isRunning(memory, entry) && memory.answerOf(entry) !== memory.turn;
  }

  #listen(news: number): void {
    const { memory, guard } = this.#options;
    const changed = guard('a thread has answered or ended', () => {
      const latest = memory.news;
      try {
        this.#addEnded();
        this.#onNews();
        if (memory.hasMeasured) this.#begun();
      } finally {
        this.#listen(latest);
      }
    });
    void memory.nextNews(news).then(changed);
  }

  #begun(): void {
    const begin = this.#atFirstEvent;
    this.#atFirstEvent = undefined;
    begin?.();
  }

  /** Keeps what ended threads have counted, and frees their memory. */
  #addEnded(): void {
    const { memory } = this.#options;
    for (const entry of memory.entries) {
      if (memory.stateOf(entry) !== 'ended') continue;

      this.#takeUncounted(entry);
      this.#ended.add(this.#shown(this.#readerOf(entry).read()), 'totals');
      this.#readers.delete(entry);
      memory.release(entry);
    }
  }

  #takeUncounted(entry: number): void {
    for (const numbers of takeUncounted(this.#options.memory, entry)) this.#ended.add(this.#shown(numbers), 'totals');
  }

  #shown(numbers: Numbers): Numbers {
    const { shown } = this.#options;
    return Object.fromEntries(
      Object.entries(numbers)
        .filter(([name]) => shown.has(name))
        .map(([name, series]) => [name, series.map(([labels, value]) => [shown.labelsOf(name, labels), value])]),
    );
  }

  #readerOf(entry: number): SeriesReader {
    let reader = this.#readers.get(entry);
    if (reader === undefined) {
      reader = new SeriesReader(this.#options.memory, entry);
      this.#readers.set(entry, reader);
    }
    return reader;
  }
}

function isRunning(memory: SharedMemory, entry: number): boolean {
  return memory.stateOf(entry) === 'running';
}
