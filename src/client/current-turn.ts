import type { Origin } from '../core/origins.ts';
import type { Connection } from './connection.ts';

/** The connection that a client is about to open. */
export interface ExpectedConnection {
  readonly origin: Origin;
  readonly connector: object;
  /** The request that it is for, if that was kept. */
  readonly request: object | undefined;
}

/**
 * Matches sockets and clients by time. When `connect` is called on a socket, the socket does not know which client it is
 * for. But the client publishes this just before or just after, in the same turn: before the code that runs now, and
 * everything that it calls, has returned.
 */
export class CurrentTurn {
  readonly #queueEnd: () => void;
  readonly #onEnd: (attempted: Connection) => void;
  #latest: Connection | undefined;
  #expected: ExpectedConnection | undefined;
  #isOpen = false;

  /**
   * `asMicrotask` returns a function that queues its argument as a microtask. `onEnd` gets each connection that was attempted
   * in the turn, the latest first.
   */
  constructor(asMicrotask: (run: () => void) => () => void, onEnd: (attempted: Connection) => void) {
    this.#queueEnd = asMicrotask(() => this.#end());
    this.#onEnd = onEnd;
  }

  /** The latest attempt of this turn. */
  get latest(): Connection | undefined {
    return this.#latest;
  }

  /** The next attempt of this turn is for this connection. */
  expect(expected: ExpectedConnection): void {
    this.#expected = expected;
    this.#open();
  }

  /** What the current attempt is for, if a client has published that. */
  takeExpected(): ExpectedConnection | undefined {
    const expected = this.#expected;
    this.#expected = undefined;
    return expected;
  }

  attempted(connection: Connection): void {
    connection.attemptedBefore = this.#latest;
    this.#latest = connection;
    this.#open();
  }

  #open(): void {
    if (this.#isOpen) return;

    this.#isOpen = true;
    this.#queueEnd();
  }

  #end(): void {
    let connection = this.#latest;
    this.#latest = undefined;
    this.#expected = undefined;
    this.#isOpen = false;
    while (connection !== undefined) {
      const before: Connection | undefined = connection.attemptedBefore;
      connection.attemptedBefore = undefined;
      this.#onEnd(connection);
      connection = before;
    }
  }
}
