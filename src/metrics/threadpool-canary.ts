import type { Guard } from '../core/guard.ts';

const { stat } = process.getBuiltinModule('node:fs');

/** A folder that every system has. */
const PATH = '/';

/**
 * Finds out how long work waits in Node's thread pool, which runs DNS lookups, file access, compression and some cryptography: four
 * at a time, unless `UV_THREADPOOL_SIZE` says otherwise. At each collection, one tiny piece of work is sent through it.
 */
export class ThreadPoolCanary {
  readonly #now: () => number;
  readonly #returned: (error: Error | null) => void;
  /** When the one that has not come back was sent. */
  #sent: number | undefined;
  /** How long the last one took. Undefined before the first, and if file access is not permitted. */
  #last: number | undefined;

  /** `now`: seconds of a monotonic clock. */
  constructor(guard: Guard, now: () => number) {
    this.#now = now;
    this.#returned = guard('thread pool', (error: Error | null) => {
      this.#last = error ? undefined : now() - (this.#sent ?? now());
      this.#sent = undefined;
    });
  }

  /** How long work waits, in seconds: as long as the last one took, or as the current one has taken already. */
  get delay(): number | undefined {
    const waiting = this.#sent === undefined ? 0 : this.#now() - this.#sent;
    return this.#last === undefined && waiting === 0 ? undefined : Math.max(this.#last ?? 0, waiting);
  }

  /** Sends the next one, unless one is still on its way. */
  send(): void {
    if (this.#sent !== undefined) return;

    this.#sent = this.#now();
    stat(PATH, this.#returned);
  }
}
