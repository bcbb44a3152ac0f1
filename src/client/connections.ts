import type { Socket } from 'node:net';
import { failedOutcome } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import { hostName, type Origin, portNumber, sameOrigin, socketPath } from '../core/origins.ts';
import type { TlsHandshake } from '../core/tls-handshake.ts';
import type { HttpVersion } from '../metrics/address-counts.ts';
import type { Lookups } from '../metrics/lookups.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import { streamEnded } from '../metrics/tracked-connection.ts';
import { ConnectionAccounting } from './accounting.ts';
import type { CallSites } from './attribution/call-sites.ts';
import { Pools } from './attribution/pools.ts';
import { attemptEnded, type ClientAdapter, Connection } from './connection.ts';
import { ConnectionStates } from './connection-states.ts';
import { CurrentTurn } from './current-turn.ts';
import { LiveConnections } from './live-connections.ts';
import { Requests } from './requests.ts';
import {
  closedConnection,
  type LiveConnection,
  liveConnection,
  MAX_LIVE,
  originSnapshot,
  type Snapshot,
} from './snapshot.ts';

/** What the connections need from outside. */
export interface Dependencies {
  readonly registry: MetricRegistry;
  readonly lookups: Lookups;
  readonly callSites: CallSites;
  readonly record: Recorder;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
  /** Returns what has the function run once the code that runs then, and what it calls, has returned. */
  readonly atEndOfTurn: (run: () => void) => () => void;
  /** How many rounds the event loop has made. */
  readonly rounds: () => number;
  /** Around each look at one connection. */
  readonly guard: Guard;
}

/**
 * The verbs of a connection's life, in its order, and of the requests on it. Every attempt ends in exactly one of opened
 * or failed, and every opened connection in at most one closed.
 */
export class Connections {
  readonly #registry: MetricRegistry;
  readonly #lookups: Lookups;
  readonly #now: () => number;
  readonly #currentTurn: CurrentTurn;

  readonly #live: LiveConnections;
  readonly #requests: Requests;
  readonly #callSites: CallSites;
  readonly #pools: Pools;
  readonly #states: ConnectionStates;
  readonly #accounting: ConnectionAccounting;

  constructor({ registry, lookups, callSites, record, now, atEndOfTurn, rounds, guard }: Dependencies) {
    this.#registry = registry;
    this.#callSites = callSites;
    this.#states = new ConnectionStates(guard);
    this.#live = new LiveConnections(this.#states, guard, connection => this.#close(connection));
    this.#requests = new Requests(this.#states);
    this.#pools = new Pools({
      onNewPool: origin => callSites.poolOpened(origin),
      rounds,
      states: this.#states,
      now,
    });
    this.#accounting = new ConnectionAccounting({
      registry,
      pools: this.#pools,
      states: this.#states,
      callSites,
      record,
      now,
      guard,
    });
    this.#lookups = lookups;
    this.#now = now;
    this.#currentTurn = new CurrentTurn(atEndOfTurn, attempted => this.#turnEnded(attempted));
  }

  /** Connections attempted and not closed. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** An HTTP client is about to open a connection: the next socket attempted in this turn. */
  expected(origin: Origin, pool: object): void {
    this.#currentTurn.expect({ origin, pool });
  }

  /** `connect` was called on a socket. It may yet throw. */
  attempted(socket: Socket): void {
    if (this.#live.get(socket) !== undefined) return; // connecting or open already: nothing new begins

    this.#live.closeSome();
    const connection = new Connection(socket, this.#now());
    const expected = this.#currentTurn.takeExpected();
    if (expected !== undefined) this.#assignToPool(connection, expected.origin, expected.pool);
    this.#live.add(socket, connection);
    this.#currentTurn.attempted(connection);
  }

  /**
   * A request was made that may have opened a connection: if so, the socket attempted last in this turn. Returns that
   * socket, for its client's words to be heard on it.
   */
  requestCreated<Request extends object>(
    request: Request,
    client: ClientAdapter<Request>,
    pool: object | undefined,
  ): Socket | undefined {
    const connection = this.#currentTurn.latest;
    if (connection === undefined || connection.http || client.wasReused(request) || client.isWaiting(request)) {
      return undefined;
    }
    this.#assignToPool(connection, client.originOf(request, connection.socket), pool);
    this.#requests.waitsFor(connection, request, client);
    connection.listenedSocket = connection.socket;
    return connection.listenedSocket;
  }

  /** The lookup of the connection's name ended. Comes once per address found. */
  lookedUp(socket: Socket, host: string, error: unknown): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.resolved !== undefined) return;

    connection.hasBegun = true;
    connection.host = hostName(host);
    this.#registry.names.labelOf(host, 'connection');
    connection.resolved = this.#now();
    if (error) this.#lookups.failed(host, connection.resolved - connection.started, error);
  }

  /** An address is dialled; `family` is undefined for a Unix socket, whose path is the address. */
  addressTried(socket: Socket, address: string, port: number | undefined, family: number | undefined): void {
    const connection = this.#live.get(socket);
    if (connection === undefined) return;

    connection.hasBegun = true;
    connection.dialled = true;
    connection.address = family === undefined ? socketPath(address) : hostName(address);
    connection.port = portNumber(port);
    if (family !== undefined) {
      connection.attempts = [...connection.attempts, { type: family === 6 ? 'ipv6' : 'ipv4', outcome: undefined }];
    }
    // The claim was a guess by time, and it was wrong: this socket goes elsewhere.
    if (family !== undefined && connection.origin !== undefined && connection.origin.port !== connection.port) {
      connection.pool?.remove(connection, undefined);
      connection.http = false;
      connection.origin = undefined;
      this.#requests.waitsForNone(connection);
    }
  }

  addressFailed(socket: Socket, error: unknown): void {
    attemptEnded(this.#live.get(socket), failedOutcome(error));
  }

  addressTimedOut(socket: Socket): void {
    attemptEnded(this.#live.get(socket), 'timed_out');
  }

  /** TCP stands. With TLS to come, the connection is not open yet. */
  connected(socket: Socket, tlsToCome: boolean): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.connected !== undefined) return;

    connection.hasBegun = true;
    connection.connected = this.#now();
    attemptEnded(connection, 'ok');
    if (!tlsToCome) this.#accounting.opened(connection, connection.connected);
  }

  /** The TLS handshake is done and the peer is who it should be. */
  secured(socket: Socket, { version, resumed, alpn }: TlsHandshake): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.connected === undefined || connection.secured !== undefined) return;

    connection.secured = this.#now();
    connection.tls = { version, resumed };
    if (alpn === 'h2') connection.version = '2';
    if (alpn === 'h2' || alpn === 'http/1.1') connection.http = true;
    this.#accounting.opened(connection, connection.secured);
  }

  /** An HTTP client took the socket for requests to this origin: a connection of its own, or a tunnel through a proxy. */
  taken(socket: Socket, origin: Origin, pool: object, version: HttpVersion): void {
    const connection = this.#live.find(socket) ?? this.#adopt(socket, origin, false);
    connection.version = version;
    if (connection.counts === undefined && !connection.http) this.#assignToPool(connection, origin, pool);
    else if (connection.origin === undefined || !sameOrigin(connection.origin, origin))
      this.#enterTunnel(connection, origin);
  }

  /**
   * A request went out on the socket, or will as soon as it is open. May come twice for one request. Returns whether it
   * is the first on this socket, whose client's words are to be heard from now on.
   */
  requestSent<Request extends object>(
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
    sentHeaders: string | undefined,
  ): boolean {
    const connection = this.#carrying(socket, request, client);
    this.#sent(connection, socket, request, client, sentHeaders);
    return isFirstOn(socket, connection);
  }

  /** The headers of the answer to the request on this socket have come, maybe before the request's end. As `requestSent`. */
  responseStarted<Request extends object>(
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
    response: object,
  ): boolean {
    const connection = this.#carrying(socket, request, client);
    this.#sent(connection, socket, request, client, undefined);
    this.#requests.responseStarted(connection, response);
    return isFirstOn(socket, connection);
  }

  /** The response headers of a request, from a client that does not name the connection. */
  responseHeaders(request: object, response: object): void {
    this.#requests.responseHeaders(request, response);
  }

  /** A request is over: answered, or given up. The client does not name the connection. */
  requestFinished(request: object, givenUp: boolean): void {
    this.#requests.finished(request, givenUp);
  }

  /** The agent took the socket back, so the connection is idle. */
  returnedToPool(socket: Socket): void {
    const connection = this.#live.find(socket);
    if (connection !== undefined) this.#requests.returnedToPool(connection, socket);
  }

  /** The agent gives the socket up: it was upgraded, became a tunnel, or the program wants it so. */
  removedFromPool(socket: Socket): void {
    const connection = this.#live.find(socket);
    if (connection !== undefined) this.#requests.removedFromPool(connection);
  }

  /** Nothing happened on the socket for as long as somebody had set. */
  timedOut(socket: Socket): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) connection.timedOut = true;
  }

  /** The other side ended its half. */
  serverEnded(socket: Socket, weEndedFirst: boolean): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined && !weEndedFirst) connection.peerEnded = true;
  }

  /** The server sent GOAWAY on the session. */
  goawayReceived(session: object): void {
    const connection = this.#live.ofSession(session);
    if (connection !== undefined) connection.receivedGoaway = true;
  }

  /** An HTTP/2 stream carries a request. Returns whether it is the first we see of its session. */
  streamStarted<Session extends object>(session: Session, socketOf: (session: Session) => Socket | undefined): boolean {
    const known = this.#live.ofSession(session);
    const connection = known ?? this.#bindSession(session, socketOf(session));
    if (connection === undefined) return false; // opened before we were listening

    connection.streams++;
    if (connection.opened !== undefined) this.#accounting.requestSent(connection);
    return known === undefined;
  }

  streamEnded(session: object): void {
    streamEnded(this.#live.ofSession(session));
  }

  /** The socket met an error; its close comes next. The first error is the reason. */
  errored(socket: Socket, error: unknown): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) connection.error ??= error;
  }

  /** The socket is closed: the end of a connection, or of an attempt. */
  closed(socket: Socket): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) this.#close(connection);
  }

  /** Nobody listens any more: requests that end now are not seen, so those open now are not counted on. */
  pause(): void {
    for (const connection of this.#live) connection.streams = 0;
    this.#requests.pause(this.#live);
  }

  /** Brings the ledger's states up to now, for a collection. */
  refreshGauges(): void {
    this.#live.closeAll();
    this.#accounting.refreshGauges(this.#live);
  }

  snapshot(): Snapshot {
    this.#live.closeAll();
    this.#accounting.countPending(this.#live);
    const now = this.#now();
    const live: LiveConnection[] = [];
    for (const connection of this.#live) {
      if (live.length < MAX_LIVE) live.push(liveConnection(connection, this.#states.isBusy(connection), now));
    }
    return {
      origins: this.#registry.allOriginCounts.map(originSnapshot),
      live,
      closed: this.#accounting.closedLast.all.map(closedConnection),
      callSites: this.#callSites.found,
    };
  }

  #bindSession(session: object, socket: Socket | undefined): Connection | undefined {
    const connection = socket && this.#live.find(socket);
    if (connection === undefined) return undefined;

    this.#live.addAlias(session, connection);
    connection.http = true;
    connection.version = '2';
    return connection;
  }

  #turnEnded(attempted: readonly Connection[]): void {
    for (const connection of attempted) {
      if (connection.socket?.connecting) connection.hasBegun = true;
      else if (!connection.hasBegun) this.#discard(connection);
    }
  }

  /** `connect` threw, or was undone at once: as if it had never been. */
  #discard(connection: Connection): void {
    this.#live.delete(connection);
    connection.pool?.remove(connection, undefined);
  }

  #assignToPool(connection: Connection, origin: Origin, pool: object | undefined): void {
    connection.http = true;
    connection.origin = origin;
    this.#pools.assign(connection, origin, pool);
  }

  /** The connection of the socket that a request is on. */
  #carrying<Request extends object>(socket: Socket, request: Request, client: ClientAdapter<Request>): Connection {
    return this.#live.find(socket) ?? this.#adopt(socket, client.originOf(request, socket), client.wasReused(request));
  }

  #sent<Request extends object>(
    connection: Connection,
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
    sentHeaders: string | undefined,
  ): void {
    if (!this.#requests.sent(connection, socket, request, client, sentHeaders)) return;

    if (connection.requestCounts?.http === false) this.#enterTunnel(connection, client.originOf(request, socket));
    if (connection.opened !== undefined) this.#accounting.requestSent(connection);
  }

  #close(connection: Connection): void {
    this.#requests.connectionClosed(connection);
    this.#live.delete(connection);
    this.#accounting.closed(connection);
  }

  /** The requests from now on go through the connection to another origin, for which it is new. */
  #enterTunnel(connection: Connection, origin: Origin): void {
    this.#accounting.assignToOrigin(connection);
    connection.requestCounts = this.#registry.originCounts(origin, true);
    connection.requests = 0;
    connection.origin = origin;
  }

  /**
   * A socket that no channel has shown us: TLS inside a tunnel, which shares its ends with the socket that carries it, or
   * a connection from before we listened, or no network socket at all. The latter two are not counted, their requests are.
   */
  #adopt(socket: Socket, origin: Origin, reused: boolean): Connection {
    const carrier = this.#live.carrierOf(socket);
    if (carrier !== undefined) {
      this.#enterTunnel(carrier, origin);
      this.#live.addAlias(socket, carrier);
      return carrier;
    }

    const untracked = new Connection(socket, this.#now());
    untracked.opened = untracked.started;
    untracked.counts = untracked.requestCounts = this.#registry.originCounts(origin, true);
    untracked.origin = origin;
    untracked.requests = reused ? 1 : 0;
    this.#live.addAlias(socket, untracked);
    return untracked;
  }
}

/** Whether nobody hears of the socket's requests yet; from now on somebody does. */
function isFirstOn(socket: Socket, connection: Connection): boolean {
  if (connection.listenedSocket === socket) return false;

  connection.listenedSocket = socket;
  return true;
}
