import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';

/**
 * Finds out which timeouts end their connection. `setTimeout` of a socket only emits an event: the program may close the
 * connection then, or write to it and go on.
 */
export class Timeouts {
  readonly #queueCheck: () => void;
  #recent: Connection[] = [];

  /** `asMicrotask` returns a function that queues its argument as a microtask. */
  constructor(asMicrotask: (run: () => void) => () => void) {
    this.#queueCheck = asMicrotask(() => this.#check());
  }

  /** The socket emitted 'timeout'. Our listener runs first, so what the program does about it is seen after the turn. */
  expired(connection: Connection): void {
    connection.timedOut = true;
    connection.trafficAtTimeout = undefined;
    if (this.#recent.push(connection) === 1) this.#queueCheck();
  }

  /** What is sent before the end of the turn may be a farewell. What follows later shows that the connection is in use. */
  #check(): void {
    const recent = this.#recent;
    this.#recent = [];
    for (const connection of recent) {
      const { socket } = connection;
      if (socket !== undefined && !socket.destroyed && !socket.writableEnded)
        connection.trafficAtTimeout = trafficOf(socket);
    }
  }
}

/** Whether nothing was sent or received since the socket's timeout expired. */
export function hasTimedOut({ timedOut, trafficAtTimeout, socket }: Connection): boolean {
  if (!timedOut) return false;
  return socket === undefined || trafficAtTimeout === undefined || trafficOf(socket) <= trafficAtTimeout;
}

function trafficOf({ bytesRead, bytesWritten }: Socket): number {
  return bytesRead + bytesWritten;
}
