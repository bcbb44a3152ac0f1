import type { Socket } from 'node:net';
import { Carrier } from './carrier.ts';
import type { OpenCause } from './causes.ts';
import type { Origin } from './origins.ts';
import type { Moments } from './phases.ts';
import type { CloseReason, Outcome, Parting } from './reasons.ts';
import type { NetworkType, Tally } from './tally.ts';

/** What a client can tell of its own requests; each HTTP source brings one. */
export interface Client<Request extends object = object> {
  /** The origin the request is meant for. */
  originOf(request: Request): Origin;
  /** Whether the request came over a connection that had served another, as far as the client says. */
  wasReused(request: Request): boolean;
  /** Whether the request waits for a connection of another, and opened none. */
  isWaiting(request: Request): boolean;
  /** Whether the connection is free of the request: it is finished or failed, and did not turn into something else. */
  isOver(request: Request): boolean;
  /** Whether the request can turn the connection into something else for good: CONNECT, or one that asks for an upgrade. */
  mayTakeOver(request: Request): boolean;
  /** Whether it may send a request while others are on the connection. Its events that end a request name only the request. */
  readonly pipelines: boolean;
  /** How many idle connections the request's pool keeps at most, to its origin. */
  mostIdle(request: Request): number;
  /** How many it has. Asked only where it may be too many. */
  idleNow(request: Request, port: number | undefined): number;
  /** What the request and its answer, as far as it is known, said of the connection's future. */
  parting(request: Request, answer: object | undefined): Parting;
  /** The same for a request that has just finished. Called for each request, so it allocates nothing in the usual case. */
  partingOfFinished(request: Request, answer: object | undefined): Parting;
  /** Adds what the headers of the request said. */
  withHeaders(parting: Parting, sentHeaders: string): Parting;
}

const NONE: readonly Attempt[] = [];

/** What a pool has to one origin. */
export interface Place {
  readonly live: ReadonlySet<Connection>;
  /** The connection is gone: closed, for a reason, or never opened. */
  left(connection: Connection, reason: CloseReason | undefined): void;
}

/** One attempt to reach one address; no outcome while it is under way. */
export interface Attempt {
  readonly type: NetworkType;
  outcome: Outcome | undefined;
}

/**
 * One connection from its attempt to its close: what was seen of it, nothing derived. Fields are made together, in one
 * shape; moments are in seconds of the monotonic clock.
 */
export class Connection extends Carrier<Tally> implements Moments {
  /** Undefined once it is closed. */
  socket: Socket | undefined;
  /** It really began: a name is being looked up or an address dialled. `connect` may also throw and leave nothing. */
  begun = false;
  resolved: number | undefined;
  tried = false;
  connected: number | undefined;
  closed: number | undefined;

  /** What the client set out to reach, where it told us before the socket did. */
  origin: Origin | undefined;
  /** What the socket set out to reach: the name it looked up, the address and port it dialled. */
  host: string | undefined;
  address: string | undefined;
  port: number | undefined;
  attempts: readonly Attempt[] = NONE;
  /** Its own port, read once. */
  localPort: number | undefined;

  /** Whether an HTTP client owns it, and the number of the pool (dispatcher or agent) it belongs to. */
  http = false;
  poolNumber: number | undefined;

  /** The request sent last, while it is on the connection; `earlier` ones only where the client pipelines. */
  request: object | undefined;
  earlier: object[] | undefined;
  client: Client | undefined;
  /** The request it is being opened for, until one is sent or this one is given up. */
  promised: object | undefined;
  /** CONNECT or an upgrade was sent on it and has not ended. It counts as a request. */
  takenOver = false;
  /** The socket on which the source listens for the end of requests; inside a tunnel, another than `socket`. */
  heard: Socket | undefined;

  /** The headers the last request was sent with, and its answer, where the client shows them. */
  sentHeaders: string | undefined;
  answer: object | undefined;
  /** What was read from the socket before the last request. */
  readBefore = 0;
  /** What is still needed of the last request once it is over, so that the request itself can be freed. */
  parting: Parting | undefined;
  /** What had been read from the socket at the last look, and since when nothing more was. */
  readAtLook = -1;
  stillSince = 0;
  /** At the last look, a body that nobody reads held it; and it was said whose. */
  held = false;
  blamed = false;
  /** Since when it is idle, its pool having had the time to take it back. */
  freeSince: number | undefined;
  /** The agent took it back after the last request. */
  freed = false;
  serverEnded = false;
  goneAway = false;

  /** The agent had as many idle ones as it may when it took this one back: it closes it. */
  poolWasFull = false;

  cause: OpenCause = 'unknown';
  /** Why it is closed, once that is judged. */
  reason: CloseReason | undefined;
  /** The reason of the loss that it makes good, and whether it left that to another because it was never used. */
  predecessor: CloseReason | undefined;
  handedOn = false;
  /** Where it belongs, until it is closed or its attempt failed. */
  place: Place | undefined;

  constructor(socket: Socket, started: number) {
    super(started);
    this.socket = socket;
  }
}

/** It is closed: what is still to be counted needs none of what belongs to the program. */
export function letGo(connection: Connection): void {
  connection.socket = undefined;
  connection.heard = undefined;
  connection.error = undefined;
  connection.client = undefined;
  connection.request = undefined;
  connection.earlier = undefined;
  connection.promised = undefined;
  connection.sentHeaders = undefined;
  connection.answer = undefined;
}

/** Frees the last request, which is over; `parting` is all that is still needed of it. */
export function release(connection: Connection, parting: Parting): void {
  connection.parting = parting;
  connection.request = undefined;
  connection.answer = undefined;
}

/** What the last request and its answer said of the connection's future. */
export function partingOf({ client, request, answer, parting, sentHeaders }: Connection): Parting | undefined {
  const said = request === undefined ? parting : client?.parting(request, answer);
  return said === undefined || sentHeaders === undefined ? said : client?.withHeaders(said, sentHeaders);
}

/** The attempt under way has ended; one that has already stays as it ended. */
export function attemptEnded(connection: Connection | undefined, outcome: Outcome): void {
  const attempt = connection?.attempts.at(-1);
  if (attempt !== undefined) attempt.outcome ??= outcome;
}

/** How many requests the connection is busy with. */
export function inFlight({ client, request, earlier, streams, takenOver }: Connection): number {
  let count = streams;
  if (takenOver) count++;
  if (request !== undefined && !client?.isOver(request)) count++;
  if (earlier !== undefined) for (const each of earlier) if (!client?.isOver(each)) count++;
  return count;
}

/** Whether a request is on it, or on its way to it. */
export function isBusy(connection: Connection): boolean {
  return inFlight(connection) > 0 || isPromised(connection);
}

/** Whether the answer to the last request has begun to arrive. */
export function isAnswered({ socket, readBefore }: Connection): boolean {
  return socket !== undefined && socket.bytesRead > readBefore;
}

/** Whether an answer has come that the program is not reading: data lies in the socket, which is paused. */
export function isHeld(connection: Connection): boolean {
  const { socket, version } = connection;
  if (version !== '1.1' || !socket?.isPaused() || socket.readableLength === 0) return false;

  return isAnswered(connection) && isBusy(connection);
}

/** Whether the request it was opened for is still to be sent, its body maybe being written. */
export function isPromised({ client, promised }: Connection): boolean {
  return promised !== undefined && !client?.isOver(promised);
}

/** The origin it is counted under: the path of a Unix socket, else what the client meant, else what was dialled. */
export function originOfConnection({ origin, host, address, port, attempts }: Connection): Origin {
  if (address !== undefined && attempts.length === 0) return { address, port: undefined };
  return origin ?? { address: host ?? address ?? 'unknown', port };
}
