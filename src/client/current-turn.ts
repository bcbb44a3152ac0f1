import type { Origin } from '../core/origins.ts';
import type { Connection } from './connection.ts';

/** What a client said of the connection it is about to open. */
export interface ExpectedConnection {
  readonly origin: Origin;
  readonly pool: object;
}

/**
 * The code that runs now, and what it calls, until it returns. A socket does not know yet what it is for when its `connect`
 * is called, but a client speaks just before or just after, in the same turn.
 */
export class CurrentTurn {
  readonly #atEnd: () => void;
  readonly #onEnd: (attempted: readonly Connection[]) => void;
  #attempted: Connection[] = [];
  #expected: ExpectedConnection | undefined;
  #isOpen = false;

  /** `onEnd` is given the connections attempted in the turn; what `atEndOfTurn` returns has its function run once, then. */
  constructor(atEndOfTurn: (run: () => void) => () => void, onEnd: (attempted: readonly Connection[]) => void) {
    this.#atEnd = atEndOfTurn(() => this.#end());
    this.#onEnd = onEnd;
  }

  /** The connection attempted last. */
  get latest(): Connection | undefined {
    return this.#attempted.at(-1);
  }

  /** The next connection attempted is for this. */
  expect(expected: ExpectedConnection): void {
    this.#expected = expected;
    this.#open();
  }

  /** What the connection now attempted is for, where that was said. */
  takeExpected(): ExpectedConnection | undefined {
    const expected = this.#expected;
    this.#expected = undefined;
    return expected;
  }

  attempted(connection: Connection): void {
    this.#attempted.push(connection);
    this.#open();
  }

  #open(): void {
    if (this.#isOpen) return;

    this.#isOpen = true;
    this.#atEnd();
  }

  #end(): void {
    const attempted = this.#attempted;
    this.#attempted = [];
    this.#expected = undefined;
    this.#isOpen = false;
    this.#onEnd(attempted);
  }
}
