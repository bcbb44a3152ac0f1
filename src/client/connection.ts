import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { OpenCause } from '../core/causes.ts';
import { isIpAddress, type Origin } from '../core/origins.ts';
import type { Moments } from '../core/phases.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { RequestFailure } from '../core/request-failures.ts';
import type { TunnelState } from '../core/tunnels.ts';
import type { OriginCounts } from '../metrics/origin-counts.ts';
import { TrackedConnection } from '../metrics/tracked-connection.ts';
import { NO_ATTEMPTS } from './attempts.ts';
import type { CreatedRequestReader } from './attribution/call-sites.ts';
import type { Abort, KeepAliveSignals } from './attribution/close-reason.ts';
import type { Loss } from './attribution/losses.ts';
import type { Owner, PoolIdentity } from './attribution/pool-identity.ts';
import type { MemberPool, Place, PoolMember } from './attribution/pool-member.ts';
import type { WaitingAttempts } from './attribution/waiting-attempts.ts';

/** How to read the requests of one HTTP client. Each HTTP source has one. */
export interface ClientAdapter<Request extends object = object> extends CreatedRequestReader<Request> {
  /** The origin that the client dials for the request. `socket`: the socket of the request, if known. */
  originOf(request: Request, socket: Socket | undefined): Origin;
  /**
   * The name in a request whose client dials an address. It may come from a `Host` header, so it is no origin unless the
   * program itself found the address by this name.
   */
  namedHost(request: Request): unknown;
  /** Whether the client reports that the connection of the request was used before. */
  wasReused(request: Request): boolean;
  /** Whether the request's agent opened this socket, which was attempted in the same turn. True if the agent does not show it. */
  opened(request: Request, socket: Socket): boolean;
  /** The pool whose connections the request may use. Undefined if the client announces it elsewhere. */
  poolOf(request: Request): PoolIdentity | undefined;
  /** Whether the request no longer needs the connection: it finished or failed, and did not take the connection over. */
  isFinished(request: Request): boolean;
  /** Whether the client shows all requests that wait for a connection. Otherwise its pools may have queues that nobody sees. */
  readonly showsQueue: boolean;
  /** Whether the request asks a proxy for a tunnel. */
  isConnect(request: Request): boolean;
  /** The status of the answer to a CONNECT request, if it is known. */
  connectStatus(request: Request, response: object | undefined): number | undefined;
  /** Whether the request may take the connection over for good: CONNECT and upgrades. */
  mayTakeOver(request: Request): boolean;
  /** Whether the client may pipeline requests. If so, its events name the request and not the connection. */
  readonly pipelines: boolean;
  /**
   * If nothing reads the response: how many bytes of it were taken from its connection before that stopped, 0 if nobody
   * began. Undefined if somebody reads it, as far as this client shows.
   */
  takenUnread(request: Request, response: object | undefined, arrived: Arrived): number | undefined;
  /** How many idle connections to the request's origin its pool keeps at most. */
  maxIdle(request: Request): number;
  /** How many idle connections to the request's origin its pool has. Slow: called only if the pool may be full. */
  idleCount(request: Request, port: number | undefined): number;
  /** The keep-alive signals of a request and its response, as far as they are known. */
  signalsOf(request: Request, response: object | undefined): KeepAliveSignals;
  /** The same for a request that has just finished. Called for every request, so it allocates nothing in the usual case. */
  signalsOfFinished(request: Request, response: object | undefined): KeepAliveSignals;
  /** Whether the body of a request is still being sent. Asked when the request is over. */
  isSending(request: Request, socket: Socket): boolean;
  /** Whether the error of a request's socket is what the program destroyed the request or the response with. */
  isFromProgram(request: Request, response: object | undefined, error: unknown): boolean;
  /** The age in seconds at which the client closes the request's connection. */
  maxAge(request: Request): number | undefined;
  /** Adds the signals in the text of the request headers. */
  withRequestHeaders(signals: KeepAliveSignals, sentHeaders: string): KeepAliveSignals;
}

/** What a socket has received since a request was sent on it, in bytes. */
export interface Arrived {
  readonly bytes: number;
  /** How many of them still wait in the socket's own buffer. */
  readonly waiting: number;
}

/** What checks have found about a response that was not read at one of them. */
export interface UnreadCheck {
  /** `bytesReadBeforeRequest` then. If it differs now, another response is on the connection. */
  readonly bytesBefore: number;
  /** What was taken of the response at the last check, and since when that has not changed. Undefined if it is read. */
  taken: number | undefined;
  since: number | undefined;
  /** It was reported that the response holds the connection. */
  isReported: boolean;
}

/**
 * The facts about one connection, from its attempt to its close. Times are in seconds of the monotonic clock.
 *
 * Every group of fields has one writer: test/contract/writers.test.ts has the table. All fields are initialised here, so
 * that V8 uses one hidden class for all connections.
 */
export class Connection extends TrackedConnection<OriginCounts> implements Moments, PoolMember {
  // Socket, origin and times: connections.ts. `http` and `origin` also: tunnels.ts.

  /** Undefined once the connection is closed. */
  socket: Socket | undefined;
  /** The socket that has our listeners for request events: the TLS socket if this is a tunnel. */
  listenedSocket: Socket | undefined;
  /** A lookup or an attempt has started. Until then, `connect` may still throw. */
  hasBegun = false;
  /** When the lookup ended. */
  resolved: number | undefined;
  connected: number | undefined;
  closed: number | undefined;
  /** How many bytes it had sent and received when its last timeout had expired. Undefined if it ended then. */
  trafficAtTimeout: number | undefined;
  /** With HTTP/2, once a request was sent. */
  session: Pick<Http2Session, 'remoteSettings'> | undefined;
  serverEnded = false;
  receivedGoaway = false;
  /** An HTTP client owns the connection. */
  http = false;
  /** The origin that the client named. */
  origin: Origin | undefined;
  /** The name that the socket looked up, and the address (or path) and port that it tried last. */
  host: string | undefined;
  address: string | undefined;
  port: number | undefined;
  attempts = NO_ATTEMPTS;

  // The attempt before it in the same turn, until that ends: current-turn.ts.

  attemptedBefore: Connection | undefined;

  // Local port, once it was needed: pending-tunnels.ts.

  localPort: number | undefined;

  // Requests: requests.ts.

  /** The request sent last, while it is on the connection. */
  request: object | undefined;
  /** Pipelined requests that were sent before it and are not over. */
  earlierRequests: object[] | undefined;
  client: ClientAdapter | undefined;
  /** The request that the connection is opened for, until a request is sent. */
  openedFor: object | undefined;
  /** A CONNECT request or an upgrade may have taken the connection over. */
  takenOver = false;
  /** Whether a proxy was asked for a tunnel, and with which status it answered. */
  tunnel: TunnelState = 'none';
  tunnelStatus: number | undefined;
  /** The most streams of HTTP/2 that were open on it at once. */
  mostStreams = 0;
  /** The text of the last request's headers, if the client publishes it. */
  sentHeaders: string | undefined;
  /** The response to `request`, if its headers were published. */
  response: object | undefined;
  /** `socket.bytesRead` when the last request was sent. */
  bytesReadBeforeRequest = 0;
  /** Keep-alive signals of the last finished request, kept so that the request itself can be freed. */
  signals: KeepAliveSignals | undefined;
  /** How the program gave up the last request. */
  abort: Abort | undefined;
  /** At this age, in seconds, its agent closes it. */
  maxAge: number | undefined;
  /** The agent took the connection back after the last request. */
  returnedToPool = false;
  /** When the agent took the connection back, it had as many idle ones as it keeps, so it closes this one. */
  poolWasFull = false;

  // Pool and cause: attribution/. The close reason: accounting.ts.

  order = 0;
  list: object | undefined;
  older: PoolMember | undefined;
  newer: PoolMember | undefined;
  waitsWith: WaitingAttempts | undefined;
  openedAt: string | undefined;
  pool: MemberPool | undefined;
  poolNumber: number | undefined;
  owner: Owner | undefined;
  place: Place | undefined;
  isOrphan = false;
  opensPool = false;
  hadUnread = false;
  hadIdle = false;
  isIdle = false;
  replaces: Loss | undefined;
  loss: Loss | undefined;
  cause: OpenCause | 'pending' = 'pending';
  replacedReason: CloseReason | undefined;
  reason: CloseReason | undefined;

  // What was counted: accounting.ts. `counts`, `requestCounts` and `requests` are in TrackedConnection.

  /** Why there was no tunnel through the proxy, as an `error.type`, once this was counted. */
  tunnelError: string | undefined;
  /** How the request failed that was on it when it closed. */
  requestFailure: RequestFailure | undefined;
  /** In a worker thread: the record of what is not counted yet. `counted`: the main thread has counted it. */
  record: number | 'counted' | undefined;

  // Lines and callers: connections.ts; `caller`: accounting.ts.

  /** The line of the program that made the request that was sent last. Undefined if it was not looked at. */
  requestSite: string | undefined;
  /** Who made the request that the connection was opened for, and the one that was sent last. Undefined if nobody says. */
  openedBy: string | undefined;
  caller: string | undefined;

  // Idle times: idle-times.ts.

  /** When its last request was over. NaN while a request is on it, and before the first. */
  idleSince = Number.NaN;
  /** When its last request was sent, and how long it was idle before. NaN if it was not. */
  sentAt = Number.NaN;
  wasIdle = Number.NaN;

  // Queue times: queue-times.ts.

  /** How long its first request waited, in seconds. NaN if that is not known. */
  queueTime = Number.NaN;
  /** The turn of the event loop in which its last request was over. Undefined if that was not seen. */
  idleTurn: number | undefined;
  /** Since when the request has been waiting that the connection is opened for. Undefined if since the attempt. */
  waitedSince: number | undefined;

  // Unread bodies: unread-bodies.ts.

  /** Undefined unless a check has found that nothing reads the response. */
  unread: UnreadCheck | undefined;

  constructor(socket: Socket, started: number) {
    super(started);
    this.socket = socket;
  }
}

/** Releases all objects of the program. A closed connection is counted without them. */
export function releaseReferences(connection: Connection): void {
  connection.socket = undefined;
  connection.listenedSocket = undefined;
  connection.session = undefined;
  connection.error = undefined;
  connection.client = undefined;
  connection.request = undefined;
  connection.earlierRequests = undefined;
  connection.openedFor = undefined;
  connection.sentHeaders = undefined;
  connection.response = undefined;
}

/** Whether the connection needs no lookup, or its lookup is over and it tried an address. */
export function isPastLookup({ address, origin }: Connection): boolean {
  return address !== undefined || (origin !== undefined && isIpAddress(origin.address));
}

/** Whether it is known where an attempt goes. A socket without a client shows no name before its lookup ends. */
export function isOriginKnown({ address, origin }: Connection): boolean {
  return address !== undefined || origin !== undefined;
}

/** The origin that the connection is counted under: the path of a Unix socket, else what the client named, else what was dialled. */
export function originOfConnection({ origin, host, address, port, attempts }: Connection): Origin {
  if (address !== undefined && attempts.length === 0) return { address, port: undefined };
  return origin ?? { address: host ?? address ?? 'unknown', port };
}

/** Why a connection closed. Only after that may it show that its pool has outlived it. */
export function reasonOfClosed({ loss, reason }: Connection): CloseReason {
  return loss?.reason ?? reason ?? 'unknown';
}
