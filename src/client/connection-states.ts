import { errorType } from '../core/errors.ts';
import { type Guard, withFallback } from '../core/guard.ts';
import type { CloseReason } from '../core/reasons.ts';
import { type RequestFailure, requestFailureOf } from '../core/request-failures.ts';
import { type TunnelState, tunnelAfter } from '../core/tunnels.ts';
import { type Abort, type CloseFacts, closeReason, type KeepAliveSignals } from './attribution/close-reason.ts';
import type { MemberStates } from './attribution/pool-member.ts';
import type { Connection } from './connection.ts';
import { hasTimedOut } from './timeouts.ts';
import type { UnreadBodies } from './unread-bodies.ts';

/**
 * Decides the state of a connection. Everybody else asks here.
 *
 * The decisions read objects of the program, so each runs behind a guard. If it throws, the connection counts as idle, and
 * its close reason as unknown.
 */
export class ConnectionStates implements MemberStates {
  /** Why the connection closed or is closing, as far as is known. */
  readonly reasonOf: (connection: Connection) => CloseReason;
  /** How the request failed that was on the connection when it closed. Undefined if none was, or none failed. */
  readonly requestFailureOf: (connection: Connection) => RequestFailure | undefined;
  /** The server or the network has ended the connection, or announced it. */
  readonly isEndedByServer: (connection: Connection) => boolean;
  /** The keep-alive signals of the last request and its response. */
  readonly signalsOf: (connection: Connection) => KeepAliveSignals | undefined;
  /** How many requests are active on the connection. */
  readonly requestsOn: (connection: Connection) => number;
  /** Active, as opposed to idle: a request is on the connection, or the request it was opened for is not sent yet. */
  readonly isBusy: (connection: Connection) => boolean;
  /** The last request is over, and the client will not send another one on the connection. */
  readonly isLeaving: (connection: Connection) => boolean;
  /** Nothing reads the response that is on it now. The program may still begin to read. */
  readonly isUnread: (connection: Connection) => boolean;
  /** Nothing has read it for half a second, as checks have found. Each call of these is a check. */
  readonly isHeld: (connection: Connection) => boolean;
  /** Since when nothing has read it. Undefined unless checks have found that for half a second; each call is a check. */
  readonly heldSince: (connection: Connection) => number | undefined;
  /** The socket is ending or destroyed, and 'close' is still to come. */
  readonly isClosing: (connection: Connection) => boolean;
  /** The connection has ended for this process: the socket is closed, or another process has it. 'close' may not have come. */
  readonly isClosed: (connection: Connection) => boolean;
  /** Why there was no tunnel through a proxy, as an `error.type`. Undefined unless one was asked for and failed. */
  readonly tunnelErrorOf: (connection: Connection) => string | undefined;
  /** The first error of the socket. */
  readonly errorOf: (connection: Connection) => unknown;

  /** `now`: seconds of a monotonic clock. */
  constructor(guard: Guard, bodies: UnreadBodies, now: () => number) {
    this.reasonOf = withFallback(
      guard,
      'close reason',
      (connection: Connection) => reasonOf(connection, now),
      'unknown',
    );
    this.requestFailureOf = withFallback(guard, 'close reason', requestFailure, undefined);
    this.isEndedByServer = withFallback(guard, 'state of a socket', isEndedByServer, false);
    this.signalsOf = withFallback(guard, 'last request of a connection', signalsOf, undefined);
    this.requestsOn = withFallback(guard, 'requests of a connection', requestsOn, 0);
    this.isBusy = withFallback(guard, 'requests of a connection', isBusy, false);
    this.isLeaving = isLeaving;
    this.isUnread = connection => bodies.unreadSince(connection) !== undefined;
    this.isHeld = connection => bodies.heldSince(connection) !== undefined;
    this.heldSince = connection => bodies.heldSince(connection);
    this.isClosing = withFallback(guard, 'state of a socket', isClosing, false);
    this.tunnelErrorOf = withFallback(guard, 'close reason', tunnelErrorOf, undefined);
    this.errorOf = withFallback(guard, 'state of a socket', errorOf, undefined);
    this.isClosed = withFallback(guard, 'state of a socket', isClosed, false);
  }
}

/** Node sets `socket.errored` before it emits 'error'. In a tunnel, the TLS socket has the error that came first. */
function errorOf({ error, socket, listenedSocket }: Connection): unknown {
  return error ?? listenedSocket?.errored ?? socket?.errored ?? undefined;
}

/** If the program does not listen for 'connect', node:http closes the connection without an event. */
function tunnelStatusOf({ tunnel, tunnelStatus, client, request, response }: Connection): number | undefined {
  return tunnel === 'requested' && request !== undefined ? client?.connectStatus(request, response) : tunnelStatus;
}

function tunnelStateOf(connection: Connection): TunnelState {
  const status = tunnelStatusOf(connection);
  return status === undefined ? connection.tunnel : tunnelAfter(status);
}

function tunnelErrorOf(connection: Connection): string | undefined {
  const state = tunnelStateOf(connection);
  if (state === 'refused') return String(tunnelStatusOf(connection));
  if (state !== 'requested' || hasResponse(connection)) return undefined;

  const error = errorOf(connection);
  return error === undefined && connection.timedOut ? 'timeout' : errorType(error);
}

/** What is known of a connection that closes. One object serves for all of them, because a new one for each would be garbage. */
class ClosingFacts implements CloseFacts {
  http = false;
  error: unknown;
  serverEnded = false;
  timedOut = false;
  abort: Abort | undefined;
  expired = false;
  receivedGoaway = false;
  tunnel: TunnelState = 'none';
  signals: KeepAliveSignals | undefined;
  streams = 0;
  responseStarted = false;
  requests = 0;
  poolWasFull = false;
  returnedToPool = false;

  read(connection: Connection, now: () => number): void {
    // First what reads objects of the program: its code may run then, and even close another connection.
    const timedOut = hasTimedOut(connection);
    const tunnel = tunnelStateOf(connection);
    const responseStarted = hasResponse(connection);
    const signals = signalsOf(connection);
    const error = errorOf(connection);
    this.http = connection.http;
    this.error = error;
    this.serverEnded = connection.serverEnded;
    this.timedOut = timedOut;
    this.abort = connection.abort;
    this.expired = isExpired(connection, now);
    this.receivedGoaway = connection.receivedGoaway;
    this.tunnel = tunnel;
    this.signals = signals;
    this.streams = connection.requestsInProgress;
    this.responseStarted = responseStarted;
    this.requests = connection.requests;
    this.poolWasFull = connection.poolWasFull;
    this.returnedToPool = connection.returnedToPool;
  }

  /** The error is the program's, and may be large. */
  forget(): void {
    this.error = undefined;
  }
}

const facts = new ClosingFacts();

function reasonOf(connection: Connection, now: () => number): CloseReason {
  if (isPassedOn(connection)) return 'unknown';
  try {
    facts.read(connection, now);
    return closeReason(facts);
  } finally {
    facts.forget();
  }
}

/** Over HTTP/2, a request is a stream, which fails by itself. A request for a tunnel is counted as a failed connection. */
function requestFailure(connection: Connection): RequestFailure | undefined {
  const { reason, tunnel } = connection;
  const failure = reason === undefined || tunnel !== 'none' ? undefined : requestFailureOf(reason, errorOf(connection));
  return failure !== undefined && signalsOf(connection)?.complete === false ? failure : undefined;
}

function isEndedByServer(connection: Connection): boolean {
  return connection.serverEnded || connection.receivedGoaway || errorOf(connection) !== undefined;
}

/** The clocks of the agent and of connmeter may differ by this much. */
const CLOCK_SECONDS = 0.002;

function isExpired({ started, maxAge }: Connection, now: () => number): boolean {
  return maxAge !== undefined && now() - started >= maxAge - CLOCK_SECONDS;
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

/** Whether the request that the connection was opened for is not sent yet. The program may still write its body. */
function awaitsFirstRequest({ client, openedFor }: Connection): boolean {
  return openedFor !== undefined && !client?.isFinished(openedFor);
}

/** Reads only what was kept of the last request. */
function isLeaving({ version, signals }: Connection): boolean {
  if (version !== '1.1' || signals === undefined) return false;

  const { methodNotReusable, clientCloses, serverCloses, aborted, sent, complete } = signals;
  return methodNotReusable || clientCloses || serverCloses || !sent || (aborted && !complete);
}

function isClosing({ opened, socket }: Connection): boolean {
  return opened !== undefined && socket !== undefined && (socket.destroyed || socket.writableEnded);
}

function isClosed(connection: Connection): boolean {
  return connection.socket?.closed === true || isPassedOn(connection);
}

/** Whether the socket was sent to another process. It stays here without its handle, and emits no more events. */
function isPassedOn({ socket, connected }: Connection): boolean {
  return socket !== undefined && connected !== undefined && socket.pending && !socket.connecting && !socket.destroyed;
}
