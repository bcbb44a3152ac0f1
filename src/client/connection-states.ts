import { type Guard, withFallback } from '../core/guard.ts';
import type { CloseReason } from '../core/reasons.ts';
import { closeReason, type KeepAliveSignals } from './attribution/close-reason.ts';
import type { MemberStates } from './attribution/pool-member.ts';
import type { Connection } from './connection.ts';

/**
 * How a connection is now: each question is decided here, for all who ask. The answers lie in objects of the program: where
 * one of them throws, the connection is taken for idle, and its reason for unknown.
 */
export class ConnectionStates implements MemberStates {
  /** Why it is being closed, as far as is known by now. */
  readonly reasonOf: (connection: Connection) => CloseReason;
  /** What the last request and its answer said of the connection's future. */
  readonly signalsOf: (connection: Connection) => KeepAliveSignals | undefined;
  /** How many requests it is busy with. */
  readonly requestsOn: (connection: Connection) => number;
  /** Whether a request is on it, or on its way to it. */
  readonly isBusy: (connection: Connection) => boolean;
  /** Whether an answer has come that the program is not reading: data lies in the socket, which is paused. */
  readonly isHeld: (connection: Connection) => boolean;
  /** Whether its socket is destroyed, or ended by us, and its `close` is still to come. */
  readonly isClosing: (connection: Connection) => boolean;
  /** The first error that its socket met. */
  readonly errorOf: (connection: Connection) => unknown;
  /** Whether it is closed, though nobody told us. */
  readonly isClosed: (connection: Connection) => boolean;

  constructor(guard: Guard) {
    this.reasonOf = withFallback(guard, 'close reason', reasonOf, 'unknown');
    this.signalsOf = withFallback(guard, 'last request of a connection', signalsOf, undefined);
    this.requestsOn = withFallback(guard, 'requests of a connection', requestsOn, 0);
    this.isBusy = withFallback(guard, 'requests of a connection', isBusy, false);
    this.isHeld = withFallback(guard, 'body of a response', isHeld, false);
    this.isClosing = withFallback(guard, 'state of a socket', isClosing, false);
    this.errorOf = withFallback(guard, 'state of a socket', errorOf, undefined);
    this.isClosed = withFallback(
      guard,
      'state of a socket',
      ({ socket }: Connection) => socket?.closed === true,
      false,
    );
  }
}

/** Node sets it before it emits 'error'. */
function errorOf({ error, socket }: Connection): unknown {
  return error ?? socket?.errored ?? undefined;
}

function reasonOf(connection: Connection): CloseReason {
  return closeReason({
    http: connection.http,
    error: errorOf(connection),
    serverEnded: connection.serverEnded,
    timedOut: connection.timedOut,
    receivedGoaway: connection.receivedGoaway,
    signals: signalsOf(connection),
    streams: connection.streams,
    responseStarted: hasResponse(connection),
    requests: connection.requests,
    poolWasFull: connection.poolWasFull,
    returnedToPool: connection.returnedToPool,
  });
}

/** What the last request and its answer said of the connection's future. */
function signalsOf({ client, request, response, signals, sentHeaders }: Connection): KeepAliveSignals | undefined {
  const said = request === undefined ? signals : client?.signalsOf(request, response);
  return said === undefined || sentHeaders === undefined ? said : client?.withRequestHeaders(said, sentHeaders);
}

/** How many requests the connection is busy with. */
function requestsOn({ client, request, earlierRequests, streams, takenOver }: Connection): number {
  let count = streams;
  if (takenOver) count++;
  if (request !== undefined && !client?.isFinished(request)) count++;
  if (earlierRequests !== undefined) for (const each of earlierRequests) if (!client?.isFinished(each)) count++;
  return count;
}

/** Whether a request is on it, or on its way to it. */
function isBusy(connection: Connection): boolean {
  return requestsOn(connection) > 0 || awaitsFirstRequest(connection);
}

/** Whether the answer to the last request has begun to arrive. */
export function hasResponse({ socket, bytesReadBeforeRequest }: Connection): boolean {
  return socket !== undefined && socket.bytesRead > bytesReadBeforeRequest;
}

/** Whether an answer has come that the program is not reading: data lies in the socket, which is paused. */
function isHeld(connection: Connection): boolean {
  const { socket, version } = connection;
  if (version !== '1.1' || !socket?.isPaused() || socket.readableLength === 0) return false;

  return hasResponse(connection) && isBusy(connection);
}

/** Whether the request it was opened for is still to be sent, its body maybe being written. */
function awaitsFirstRequest({ client, openedFor }: Connection): boolean {
  return openedFor !== undefined && !client?.isFinished(openedFor);
}

function isClosing({ opened, socket }: Connection): boolean {
  return opened !== undefined && socket !== undefined && (socket.destroyed || socket.writableEnded);
}
