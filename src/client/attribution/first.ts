/** Finds the first connection of an origin or a pool. The order is that of the attempts, and failed attempts do not count. */
export class First {
  #order = Infinity;
  #isTaken = false;

  add(order: number): void {
    if (order < this.#order) this.#order = order;
  }

  /** The attempt failed. */
  remove(order: number): void {
    if (order === this.#order) this.#order = Infinity;
  }

  /** Whether this connection is the first. True only once. */
  take(order: number): boolean {
    if (!this.is(order)) return false;

    this.#isTaken = true;
    return true;
  }

  /** Whether this connection would be the first if it was asked for now. */
  is(order: number): boolean {
    return !this.#isTaken && order <= this.#order;
  }
}
