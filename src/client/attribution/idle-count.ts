/** How many changes are remembered while attempts wait to be assigned to a pool. */
const MAX_CHANGES = 256;

interface Change {
  /** The order of the latest attempt before the change. */
  readonly order: number;
  readonly before: number;
}

/**
 * How many connections of a pool are idle now, and how many were when an attempt began.
 *
 * Most attempts are assigned to their pool only when they are connected. Until then, the count before the first change after
 * each attempt is kept.
 */
export class IdleCount {
  #now = 0;
  #changes: Change[] = [];

  /** `latestAttempt`: the order of the latest attempt that still waits to be assigned to a pool, if there is one. */
  change(by: 1 | -1, latestAttempt: number | undefined): void {
    if (latestAttempt === undefined) {
      if (this.#changes.length > 0) this.#changes = [];
    } else if (this.#changes.at(-1)?.order !== latestAttempt) {
      this.#changes.push({ order: latestAttempt, before: this.#now });
      if (this.#changes.length > MAX_CHANGES) this.#changes.shift();
    }
    this.#now += by;
  }

  /** The count when the attempt began. */
  at(attempt: number): number {
    for (const { order, before } of this.#changes) if (order >= attempt) return before;
    return this.#now;
  }
}
