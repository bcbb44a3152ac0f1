import type { Socket } from 'node:net';
import type { HttpVersion, NetworkType, Tally } from './ledger.ts';
import type { Origin } from './origins.ts';
import type { Moments } from './phases.ts';
import type { Outcome } from './reasons.ts';

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
export class Connection implements Moments {
  readonly socket: Socket;
  readonly started: number;
  /** It really began: a name is being looked up or an address dialled. `connect` may also throw and leave nothing. */
  begun = false;
  resolved: number | undefined;
  tried = false;
  connected: number | undefined;
  secured: number | undefined;
  opened: number | undefined;
  error: unknown;

  /** What the client set out to reach, where it told us before the socket did. */
  origin: Origin | undefined;
  /** What the socket set out to reach: the name it looked up, the address and port it dialled. */
  host: string | undefined;
  address: string | undefined;
  port: number | undefined;
  attempts: Attempt[] = [];

  /** Whether an HTTP client owns it, and the pool (dispatcher or agent) it belongs to. */
  http = false;
  version: HttpVersion = '1.1';
  pool: object | undefined;

  /** Where it is counted, and where its requests are: the same, unless it is a tunnel through a proxy. */
  tally: Tally | undefined;
  target: Tally | undefined;
  tls: { readonly version: string; readonly resumed: boolean } | undefined;

  /** Requests sent on it, to the target. */
  requests = 0;
  /** The request sent last, until it is seen to be over; `earlier` ones only where the client pipelines. */
  request: object | undefined;
  client: Client | undefined;
  /** The request it is being opened for, until one is sent. */
  promised: object | undefined;
  earlier: object[] | undefined;
  /** HTTP/2 streams open on it. */
  streams = 0;

  constructor(socket: Socket, started: number) {
    this.socket = socket;
    this.started = started;
  }
}

/** How many requests the connection is busy with. Forgets those that are over, so that an idle one keeps none alive. */
export function inFlight(connection: Connection): number {
  const { client, request, earlier } = connection;
  if (request !== undefined && client?.isOver(request)) connection.request = undefined;
  if (earlier !== undefined) {
    const left = earlier.filter(each => !client?.isOver(each));
    connection.earlier = left.length > 0 ? left : undefined;
  }
  return connection.streams + (connection.earlier?.length ?? 0) + (connection.request === undefined ? 0 : 1);
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
