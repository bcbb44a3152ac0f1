import type { Count } from './address-counts.ts';

/** Adds up the time in which at least one request waited, although there were connections. Times are in seconds. */
export class Saturation {
  /** How many requests wait now, as far as their clients show it. */
  waiting = 0;
  readonly #seconds: Count;
  #since = 0;
  /** Until when the time is added up. */
  #until = -Infinity;

  constructor(seconds: Count) {
    this.#seconds = seconds;
  }

  began(now: number): void {
    if (this.waiting++ === 0) this.#since = now;
  }

  ended(now: number): void {
    if (--this.waiting === 0) this.waited(this.#since, now);
  }

  /** A request has waited. Time in which another one waited, too, is not added again. */
  waited(from: number, to: number): void {
    const start = Math.max(from, this.#until);
    if (to <= start) return;

    this.#seconds.value += to - start;
    this.#until = to;
  }

  /** Adds the time of requests that wait still. */
  collected(now: number): void {
    if (this.waiting > 0) this.waited(this.#since, now);
  }
}
