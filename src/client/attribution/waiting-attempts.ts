/** Attempts to one origin that their client has announced, and whose pool is not known yet. */
export class WaitingAttempts {
  #count = 0;
  #latest = 0;

  add(order: number): void {
    this.#count++;
    this.#latest = order;
  }

  remove(): void {
    this.#count--;
  }

  /** The order of the latest attempt, as long as any of them waits. */
  get latest(): number | undefined {
    return this.#count > 0 ? this.#latest : undefined;
  }
}
