/** The last so many of what happened; adding one costs the same however many there are. */
export class RingBuffer<T> {
  readonly #most: number;
  readonly #ring: T[] = [];
  #next = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(latest: T): void {
    this.#ring[this.#next] = latest;
    this.#next = (this.#next + 1) % this.#most;
  }

  /** The oldest first. */
  get all(): T[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }
}
