import { type Guard, withFallback } from '../core/guard.ts';
import type { CloseReason } from '../core/reasons.ts';
import { closeReason, type KeepAliveSignals } from './attribution/close-reason.ts';
import type { MemberStates } from './attribution/pool-member.ts';
import type { Connection } from './connection.ts';
import { hasTimedOut } from './timeouts.ts';

/**
 * Decides the state of a connection. Everybody else asks here. (The gauge of held bodies waits for half a second besides: see
 * `accounting.ts`.)
 *
 * The decisions read objects of the program, so each runs behind a guard. If it throws, the connection counts as idle, and
 * its close reason as unknown.
 */
export class ConnectionStates implements MemberStates {
  /** Why the connection closed or is closing, as far as is known. */
  readonly reasonOf: (connection: Connection) => CloseReason;
  /** The keep-alive signals of the last request and its response. */
  readonly signalsOf: (connection: Connection) => KeepAliveSignals | undefined;
  /** How many requests are active on the connection. */
  readonly requestsOn: (connection: Connection) => number;
  /** Active, as opposed to idle: a request is on the connection, or the request it was opened for is not sent yet. */
  readonly isBusy: (connection: Connection) => boolean;
  /** The client could send another request on it. It was used before: undici opens connections that it then never uses. */
  readonly isReusable: (connection: Connection) => boolean;
  /** A response has started, and the program does not read it: the socket is paused and has data. */
  readonly isHeld: (connection: Connection) => boolean;
  /** The socket is ending or destroyed, and 'close' is still to come. */
  readonly isClosing: (connection: Connection) => boolean;
  /** The socket is closed, even if its 'close' event was not seen. */
  readonly isClosed: (connection: Connection) => boolean;
  /** The first error of the socket. */
  readonly errorOf: (connection: Connection) => unknown;

  /** `now`: seconds of a monotonic clock. */
  constructor(guard: Guard, now: () => number) {
    this.reasonOf = withFallback(
      guard,
      'close reason',
      (connection: Connection) => reasonOf(connection, now()),
      'unknown',
    );
    this.signalsOf = withFallback(guard, 'last request of a connection', signalsOf, undefined);
    this.requestsOn = withFallback(guard, 'requests of a connection', requestsOn, 0);
    this.isBusy = withFallback(guard, 'requests of a connection', isBusy, false);
    this.isReusable = connection => canCarryRequests(connection) && !this.isBusy(connection);
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

/** Node sets `socket.errored` before it emits 'error'. */
function errorOf({ error, socket }: Connection): unknown {
  return error ?? socket?.errored ?? undefined;
}

function reasonOf(connection: Connection, now: number): CloseReason {
  return closeReason({
    http: connection.http,
    error: errorOf(connection),
    serverEnded: connection.serverEnded,
    timedOut: hasTimedOut(connection),
    abort: connection.abort,
    expired: isExpired(connection, now),
    receivedGoaway: connection.receivedGoaway,
    signals: signalsOf(connection),
    streams: connection.requestsInProgress,
    responseStarted: hasResponse(connection),
    requests: connection.requests,
    poolWasFull: connection.poolWasFull,
    returnedToPool: connection.returnedToPool,
  });
}

/** The clocks of the agent and of connmeter may differ by this much. */
const CLOCK_SECONDS = 0.002;

function isExpired({ started, maxAge }: Connection, now: number): boolean {
  return maxAge !== undefined && now - started >= maxAge - CLOCK_SECONDS;
}

function signalsOf({ client, request, response, signals, sentHeaders }: Connection): KeepAliveSignals | undefined {
  const latest = request === undefined ? signals : client?.signalsOf(request, response);
  return latest === undefined || sentHeaders === undefined ? latest : client?.withRequestHeaders(latest, sentHeaders);
}

function requestsOn({ client, request, earlierRequests, requestsInProgress, takenOver }: Connection): number {
  let count = requestsInProgress;
  if (takenOver) count++;
  if (request !== undefined && !client?.isFinished(request)) count++;
  if (earlierRequests !== undefined) for (const each of earlierRequests) if (!client?.isFinished(each)) count++;
  return count;
}

function isBusy(connection: Connection): boolean {
  return requestsOn(connection) > 0 || awaitsFirstRequest(connection);
}

/** Whether the response to the last request has started. */
export function hasResponse({ socket, bytesReadBeforeRequest }: Connection): boolean {
  return socket !== undefined && socket.bytesRead > bytesReadBeforeRequest;
}

function isHeld(connection: Connection): boolean {
  const { socket, version } = connection;
  if (version !== '1.1' || !socket?.isPaused() || socket.readableLength === 0) return false;

  return hasResponse(connection) && isBusy(connection);
}

/** Whether the request that the connection was opened for is not sent yet. The program may still write its body. */
function awaitsFirstRequest({ client, openedFor }: Connection): boolean {
  return openedFor !== undefined && !client?.isFinished(openedFor);
}

function canCarryRequests({ opened, requests, receivedGoaway }: Connection): boolean {
  return opened !== undefined && requests > 0 && !receivedGoaway;
}

function isClosing({ opened, socket }: Connection): boolean {
  return opened !== undefined && socket !== undefined && (socket.destroyed || socket.writableEnded);
}
