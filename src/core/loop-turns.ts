// Kept, because tests of the program may replace it with a fake timer.
const { setTimeout } = globalThis;

const MILLISECONDS = 20;

/**
 * Counts turns of the event loop while somebody wants to know: one in twenty milliseconds, so that it costs nothing. Unlike time, a turn
 * that takes long counts once. The process is not kept alive.
 */
export class LoopTurns {
  now = 0;
  #left = 0;

  /** Counts at least so many turns from now on. */
  watch(turns: number): void {
    const isCounting = this.#left > 0;
    this.#left = turns;
    if (!isCounting) this.#countNext();
  }

  #countNext(): void {
    setTimeout(this.#turned, MILLISECONDS).unref();
  }

  readonly #turned = (): void => {
    this.now++;
    if (--this.#left > 0) this.#countNext();
  };
}
