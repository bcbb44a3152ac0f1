/** Draws a part of the page, step by step. */
export type Part = () => Iterable<void>;

/**
 * Draws the parts of the page one after the other, each step in a frame of its own, so that none of them makes the browser wait for
 * long. If something changes meanwhile, everything is drawn once more.
 */
export class Drawing {
  readonly #parts: readonly Part[];
  #isWanted = false;
  #isRunning = false;

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  async request(): Promise<void> {
    this.#isWanted = true;
    if (this.#isRunning) return;

    this.#isRunning = true;
    try {
      while (this.#isWanted) {
        this.#isWanted = false;
        for (const draw of this.#parts) await drawn(draw());
      }
    } finally {
      this.#isRunning = false; // also if a part throws: the next data may be drawn again
    }
  }
}

async function drawn(steps: Iterable<void>): Promise<void> {
  for (const _step of steps) await frameShown();
  await frameShown();
}

/** There are no frames while the tab is hidden, and nothing has to be drawn. */
function frameShown(): Promise<void> {
  return new Promise(resolve => {
    requestAnimationFrame(() => setTimeout(resolve));
  });
}
