/**
 * Draws the parts of the page one after the other, each in a frame of its own, so that none of them makes the browser wait for
 * long. If something changes meanwhile, everything is drawn once more.
 */
export class Drawing {
  readonly #parts: readonly (() => void)[];
  #isWanted = false;
  #isRunning = false;

  constructor(parts: readonly (() => void)[]) {
    this.#parts = parts;
  }

  async request(): Promise<void> {
    this.#isWanted = true;
    if (this.#isRunning) return;

    this.#isRunning = true;
    while (this.#isWanted) {
      this.#isWanted = false;
      for (const draw of this.#parts) {
        draw();
        await frameShown();
      }
    }
    this.#isRunning = false;
  }
}

/** There are no frames while the tab is hidden, and nothing has to be drawn. */
function frameShown(): Promise<void> {
  return new Promise(resolve => {
    requestAnimationFrame(() => setTimeout(resolve));
  });
}
