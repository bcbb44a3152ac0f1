import { type Guard, withFallback } from '../core/guard.ts';
import type { Arrived, Connection } from './connection.ts';

/** For how long nothing reads a response before it holds its connection. A program may do something else for a moment. */
const HELD_SECONDS = 0.5;

/**
 * Finds the responses that nothing reads. Nobody publishes that a response is not read, so each question is also a check:
 * it notes since when the response has been as it is now. Only this file changes what a connection keeps of that.
 */
export class UnreadBodies {
  readonly #now: () => number;
  readonly #onHeld: (connection: Connection) => boolean;
  readonly #takenSafely: (connection: Connection) => number | undefined;

  /** `onHeld` is called for each response that holds its connection, at each check until it returns true. */
  constructor(guard: Guard, now: () => number, onHeld: (connection: Connection) => boolean) {
    this.#now = now;
    this.#takenSafely = withFallback(guard, 'body of a response', takenUnread, undefined);
    this.#onHeld = onHeld;
  }

  /** Since when checks have found that nothing reads the response. The program may still begin to read. */
  unreadSince(connection: Connection): number | undefined {
    const taken = this.#takenSafely(connection);
    const now = this.#now();
    const isOther = connection.checkedRequest !== connection.bytesReadBeforeRequest;
    if (isOther) connection.heldReported = false;
    if (isOther || taken !== connection.taken) connection.unreadSince = taken === undefined ? undefined : now;
    connection.checkedRequest = connection.bytesReadBeforeRequest;
    connection.taken = taken;

    const { unreadSince } = connection;
    if (unreadSince !== undefined && now - unreadSince >= HELD_SECONDS && !connection.heldReported) {
      connection.heldReported = this.#onHeld(connection);
    }
    return unreadSince;
  }

  /** The same, once it is half a second ago: the response holds the connection. */
  heldSince(connection: Connection): number | undefined {
    const since = this.unreadSince(connection);
    return since !== undefined && this.#now() - since >= HELD_SECONDS ? since : undefined;
  }
}

/** Over HTTP/2, a response holds a stream and no connection. With pipelining, the response may belong to an earlier request. */
function takenUnread(connection: Connection): number | undefined {
  const { client, request, response, earlierRequests, version, bytesReadBeforeRequest } = connection;
  const socket = connection.listenedSocket ?? connection.socket;
  if (client === undefined || request === undefined || socket === undefined) return undefined;
  if (version === '2' || earlierRequests !== undefined || client.isFinished(request)) return undefined;

  const arrived: Arrived = { bytes: socket.bytesRead - bytesReadBeforeRequest, waiting: socket.readableLength };
  return client.takenUnread(request, response, arrived);
}
