import { type Guard, withFallback } from '../core/guard.ts';
import type { Arrived, Connection, UnreadCheck } from './connection.ts';

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
    const check = checkOf(connection, taken);
    if (check === undefined) return undefined;

    if (taken !== check.taken) {
      check.taken = taken;
      check.since = taken === undefined ? undefined : now;
    }
    if (check.since !== undefined && now - check.since >= HELD_SECONDS && !check.isReported) {
      check.isReported = this.#onHeld(connection);
    }
    return check.since;
  }

  /** The same, once it is half a second ago: the response holds the connection. */
  heldSince(connection: Connection): number | undefined {
    const since = this.unreadSince(connection);
    return since !== undefined && this.#now() - since >= HELD_SECONDS ? since : undefined;
  }
}

/** What the checks of the response that is on the connection have found so far. Undefined if each has found that it is read. */
function checkOf(connection: Connection, taken: number | undefined): UnreadCheck | undefined {
  const { unread, bytesReadBeforeRequest } = connection;
  if (unread?.bytesBefore === bytesReadBeforeRequest) return unread;

  connection.unread =
    taken === undefined
      ? undefined
      : { bytesBefore: bytesReadBeforeRequest, taken: undefined, since: undefined, isReported: false };
  return connection.unread;
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
