/** Keeps the most recent items, up to its capacity. Adding an item takes constant time. */
export class RingBuffer<T> {
  readonly #capacity: number;
  readonly #ring: T[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(item: T): void {
    this.#ring[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** All items, oldest first. */
  get all(): T[] {
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }
}
