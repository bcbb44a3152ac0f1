import type { Socket } from 'node:net';
import type { OpenCause } from '../core/causes.ts';
import type { Outcome } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';
import type { Moments } from '../core/phases.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { NetworkType, OriginCounts } from '../metrics/origin-counts.ts';
import { TrackedConnection } from '../metrics/tracked-connection.ts';
import type { KeepAliveSignals } from './attribution/close-reason.ts';
import type { MemberPool, PoolMember, SeenIdle } from './attribution/pool-member.ts';

/** What a client can tell of its own requests; each HTTP source brings one. */
export interface ClientAdapter<Request extends object = object> {
  /** The origin the request is meant for: what is dialled. `socket`: the one that it goes out on, where that is known. */
  originOf(request: Request, socket: Socket | undefined): Origin;
  /** Whether the request came over a connection that had served another, as far as the client says. */
  wasReused(request: Request): boolean;
  /** Whether the request waits for a connection of another, and opened none. */
  isWaiting(request: Request): boolean;
  /** Whether the connection is free of the request: it is finished or failed, and did not turn into something else. */
  isFinished(request: Request): boolean;
  /** Whether the connection may turn into something else, and not come back: CONNECT, and the wish for an upgrade. */
  mayTakeOver(request: Request): boolean;
  /** Whether it may send requests on a connection while others are on it. It tells the end of each by the request alone. */
  readonly pipelines: boolean;
  /** How many idle connections the request's pool keeps at most, to its origin. */
  maxIdle(request: Request): number;
  /** How many it has. Asked only where it may be too many. */
  idleCount(request: Request, port: number | undefined): number;
  /** What the request and its answer, as far as it is known, said of the connection's future. */
  signalsOf(request: Request, answer: object | undefined): KeepAliveSignals;
  /** The same of one that has just finished, and let the connection go. Asked for each request: makes no object where all is usual. */
  signalsOfFinished(request: Request, answer: object | undefined): KeepAliveSignals;
  /** The same, and what the headers it was sent with said besides. */
  withHeaders(signals: KeepAliveSignals, sentHeaders: string): KeepAliveSignals;
}

const NONE: readonly Attempt[] = [];

/** One attempt to reach one address; no outcome while it is under way. */
export interface Attempt {
  readonly type: NetworkType;
  outcome: Outcome | undefined;
}

/**
 * One connection from its attempt to its close: what was seen of it, nothing derived. Fields are made together, in one
 * shape; moments are in seconds of the monotonic clock.
 */
export class Connection extends TrackedConnection<OriginCounts> implements Moments, PoolMember {
  /** Undefined once it is closed. */
  socket: Socket | undefined;
  /** It really began: a name is being looked up or an address dialled. `connect` may also throw and leave nothing. */
  hasBegun = false;
  resolved: number | undefined;
  dialled = false;
  connected: number | undefined;
  closed: number | undefined;

  /** What the client set out to reach, where it told us before the socket did. */
  origin: Origin | undefined;
  /** What the socket set out to reach: the name it looked up, the address and port it dialled. */
  host: string | undefined;
  address: string | undefined;
  port: number | undefined;
  attempts: readonly Attempt[] = NONE;
  /** Its own port, once somebody asked for it. */
  localPort: number | undefined;

  /** Whether an HTTP client owns it, and the number of the pool (dispatcher or agent) it belongs to. */
  http = false;
  poolNumber: number | undefined;

  /** The request sent last, while it is on the connection; `earlier` ones only where the client pipelines. */
  request: object | undefined;
  earlier: object[] | undefined;
  client: ClientAdapter | undefined;
  /** The request it is being opened for, until one is sent or that is given up. */
  openedFor: object | undefined;
  /** A request may have turned it into something else, and has not come back. */
  takenOver = false;
  /** The socket whose requests we hear of: another than `socket` inside a tunnel. */
  listenedSocket: Socket | undefined;

  /** The headers the last request was sent with, and its answer, where the client shows them. */
  sentHeaders: string | undefined;
  response: object | undefined;
  /** What was read from the socket before the last request. */
  bytesReadBefore = 0;
  /** What is left of the last request once it is over, so that it can be freed. */
  signals: KeepAliveSignals | undefined;
  /** What had been read from the socket at the last look, and since when nothing more was. */
  bytesReadAtCheck = -1;
  stalledSince = 0;
  /** At the last look, a body that nobody reads held it; and it was said whose. */
  held = false;
  callSiteReported = false;
  /** When it was first seen idle, after how many requests. */
  seenIdle: SeenIdle | undefined;
  /** The agent took it back after the last request. */
  returnedToPool = false;
  peerEnded = false;
  receivedGoaway = false;

  /** The agent had as many idle ones as it may when it took this one back: it closes it. */
  poolWasFull = false;

  cause: OpenCause = 'unknown';
  /** Why it is closed, once that is judged. */
  reason: CloseReason | undefined;
  /** The reason of the loss that it makes good, and whether it left that to another because it was never used. */
  replacedReason: CloseReason | undefined;
  lossHandedOn = false;
  /** Where it belongs, until it is closed or its attempt failed. */
  pool: MemberPool | undefined;

  constructor(socket: Socket, started: number) {
    super(started);
    this.socket = socket;
  }
}

/** It is closed: what is still to be counted needs none of what belongs to the program. */
export function releaseReferences(connection: Connection): void {
  connection.socket = undefined;
  connection.listenedSocket = undefined;
  connection.error = undefined;
  connection.client = undefined;
  connection.request = undefined;
  connection.earlier = undefined;
  connection.openedFor = undefined;
  connection.sentHeaders = undefined;
  connection.response = undefined;
}

/** The attempt under way has ended; one that has already stays as it ended. */
export function attemptEnded(connection: Connection | undefined, outcome: Outcome): void {
  const attempt = connection?.attempts.at(-1);
  if (attempt !== undefined) attempt.outcome ??= outcome;
}

/** The origin it is counted under: the path of a Unix socket, else what the client meant, else what was dialled. */
export function originOfConnection({ origin, host, address, port, attempts }: Connection): Origin {
  if (address !== undefined && attempts.length === 0) return { address, port: undefined };
  return origin ?? { address: host ?? address ?? 'unknown', port };
}
