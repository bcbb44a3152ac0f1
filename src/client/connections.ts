import type { Socket } from 'node:net';
import { failedOutcome } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import { hostName, type Origin, portNumber, sameOrigin, socketPath } from '../core/origins.ts';
import { RotatingCheck } from '../core/rotating-check.ts';
import { addressesOf, haveSameAddresses, type SocketAddresses } from '../core/socket-addresses.ts';
import type { TlsHandshake } from '../core/tls-handshake.ts';
import type { HttpVersion } from '../metrics/address-counts.ts';
import type { Lookups } from '../metrics/lookups.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import { streamEnded } from '../metrics/tracked-connection.ts';
import { ConnectionAccounting } from './accounting.ts';
import type { CallSites } from './attribution/call-sites.ts';
import { Pools } from './attribution/pools.ts';
import { attemptEnded, type ClientAdapter, Connection, releaseRequest } from './connection.ts';
import { ConnectionStates, hasResponse } from './connection-states.ts';
import { CurrentTurn } from './current-turn.ts';
import { OpenRequests } from './open-requests.ts';
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

  /**
   * Connections attempted and not closed, by their socket. Not weak: each leaves at its close, or at the end of the turn
   * if it never began, and weak entries cost the garbage collector more than all else we do for a new connection.
   */
  readonly #live = new Map<object, Connection>();
  /** Finds those whose close nobody told us of. */
  readonly #closeCheck: RotatingCheck<Connection>;
  readonly #open = new OpenRequests();
  /** The connection whose request finished last; only it still has the text of that request's headers. */
  #finishedLast: Connection | undefined;
  /** What else leads to a connection: HTTP/2 sessions, TLS inside a tunnel, sockets from before we listened. */
  readonly #aliases = new WeakMap<object, Connection>();
  readonly #callSites: CallSites;
  readonly #pools: Pools;
  readonly #states: ConnectionStates;
  /** Its close was emitted after somebody had removed all listeners, or is yet to be emitted. */
  readonly #closeIfClosed: (connection: Connection) => void;
  readonly #accounting: ConnectionAccounting;

  constructor({ registry, lookups, callSites, record, now, atEndOfTurn, rounds, guard }: Dependencies) {
    this.#registry = registry;
    this.#callSites = callSites;
    this.#states = new ConnectionStates(guard);
    this.#closeIfClosed = guard('connection', (connection: Connection) => {
      if (this.#states.isClosed(connection)) this.#close(connection);
    });
    this.#closeCheck = new RotatingCheck(this.#closeIfClosed);
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
    if (this.#live.has(socket)) return; // connecting or open already: nothing new begins

    this.#closeCheck.checkSome();
    const connection = new Connection(socket, this.#now());
    const expected = this.#currentTurn.takeExpected();
    if (expected !== undefined) this.#assignToPool(connection, expected.origin, expected.pool);
    this.#live.set(socket, connection);
    this.#closeCheck.add(connection);
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
    connection.openedFor = request;
    connection.client = client;
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
      connection.openedFor = undefined;
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
    const connection = this.#find(socket) ?? this.#adopt(socket, origin, false);
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
    answer: object,
  ): boolean {
    const connection = this.#carrying(socket, request, client);
    this.#sent(connection, socket, request, client, undefined);
    connection.response = answer;
    return isFirstOn(socket, connection);
  }

  /** What the answer's headers said of the connection's future, where the client does not name that. */
  responseHeaders(request: object, answer: object): void {
    const connection = this.#open.connectionOf(request);
    if (connection === undefined) return;

    if (connection.request === request) connection.response = answer;
    else if (connection.takenOver) this.#takeoverSaid(connection, request, answer, false);
  }

  /** The request is over, whether it was answered or failed: `givenUp`. Its connection is not named. */
  requestFinished(request: object, givenUp: boolean): void {
    const connection = this.#open.remove(request);
    if (connection === undefined) return;

    if (connection.request === request) this.#finished(connection, request, givenUp);
    else if (connection.earlier?.includes(request)) connection.earlier = without(connection.earlier, request);
    else if (connection.takenOver) {
      this.#takeoverSaid(connection, request, connection.response, givenUp);
      connection.takenOver = connection.client?.isFinished(request) !== true;
    }
  }

  /** The agent took the socket back: it is idle. */
  returnedToPool(socket: Socket): void {
    const connection = this.#find(socket);
    if (connection === undefined) return;

    const { client, request, pool, port, response } = connection;
    connection.openedFor = undefined; // where it still is, it was given up before it was sent
    if (connection.socket === socket) {
      connection.returnedToPool = true;
      // The agent hears of it after us: what it does next follows from what it has now.
      if (client !== undefined && request !== undefined && pool !== undefined) {
        const most = client.maxIdle(request);
        if (pool.live.size > most) connection.poolWasFull = client.idleCount(request, port) >= most;
      }
    }
    if (client !== undefined && request !== undefined)
      releaseRequest(connection, client.signalsOfFinished(request, response));
  }

  /** The agent is to forget the socket, for it was upgraded, or is a tunnel, or the program wants it so. */
  removedFromPool(socket: Socket): void {
    const connection = this.#find(socket);
    if (connection === undefined) return;

    const { client, request, response } = connection;
    if (client === undefined || request === undefined) return;
    if (!client.mayTakeOver(request) || !hasResponse(connection)) return;

    releaseRequest(connection, { ...client.signalsOf(request, response), upgraded: true });
    connection.takenOver = true;
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
    const connection = this.#aliases.get(session);
    if (connection !== undefined) connection.receivedGoaway = true;
  }

  /** An HTTP/2 stream carries a request. Returns whether it is the first we see of its session. */
  streamStarted<Session extends object>(session: Session, socketOf: (session: Session) => Socket | undefined): boolean {
    const known = this.#aliases.get(session);
    const connection = known ?? this.#bindSession(session, socketOf(session));
    if (connection === undefined) return false; // opened before we were listening

    connection.streams++;
    if (connection.opened !== undefined) this.#accounting.requestSent(connection);
    return known === undefined;
  }

  streamEnded(session: object): void {
    streamEnded(this.#aliases.get(session));
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
    for (const connection of this.#live.values()) {
      connection.streams = 0;
      connection.earlier = undefined;
      const { client, request } = connection;
      if (!client?.pipelines || request === undefined) continue;

      const signals = this.#states.signalsOf(connection);
      if (signals === undefined) connection.request = undefined;
      else releaseRequest(connection, { ...signals, complete: true });
    }
    this.#open.clear();
  }

  /** Brings the ledger's states up to now, for a collection. */
  refreshGauges(): void {
    for (const connection of this.#live.values()) this.#closeIfClosed(connection);
    this.#accounting.refreshGauges(this.#live);
  }

  snapshot(): Snapshot {
    for (const connection of this.#live.values()) this.#closeIfClosed(connection);
    this.#accounting.countPending(this.#live);
    const now = this.#now();
    const live: LiveConnection[] = [];
    for (const connection of this.#live.values()) {
      if (live.length < MAX_LIVE) live.push(liveConnection(connection, this.#states.isBusy(connection), now));
    }
    return {
      origins: this.#registry.allOriginCounts.map(originSnapshot),
      live,
      closed: this.#accounting.closedLast.all.map(closedConnection),
      callSites: this.#callSites.found,
    };
  }

  #find(socket: object): Connection | undefined {
    return this.#live.get(socket) ?? this.#aliases.get(socket);
  }

  #bindSession(session: object, socket: Socket | undefined): Connection | undefined {
    const connection = socket && this.#find(socket);
    if (connection === undefined) return undefined;

    this.#aliases.set(session, connection);
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
    this.#forget(connection);
    connection.pool?.remove(connection, undefined);
  }

  #assignToPool(connection: Connection, origin: Origin, pool: object | undefined): void {
    connection.http = true;
    connection.origin = origin;
    this.#pools.assign(connection, origin, pool);
  }

  /** The connection of the socket that a request is on. */
  #carrying<Request extends object>(socket: Socket, request: Request, client: ClientAdapter<Request>): Connection {
    return this.#find(socket) ?? this.#adopt(socket, client.originOf(request, socket), client.wasReused(request));
  }

  #sent<Request extends object>(
    connection: Connection,
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
    sentHeaders: string | undefined,
  ): void {
    if (connection.request === request || connection.version === '2') return; // HTTP/2 is counted by its streams

    if (connection.request !== undefined && client.pipelines) this.#follows(connection, connection.request as Request);
    connection.request = request;
    connection.openedFor = undefined;
    connection.client = client;
    connection.http = true;
    connection.sentHeaders = sentHeaders;
    connection.response = undefined;
    connection.signals = undefined;
    connection.bytesReadBefore = socket.bytesRead;
    connection.returnedToPool = false;
    connection.timedOut = false;
    connection.callSiteReported = false;
    connection.poolWasFull = false;
    if (client.pipelines) this.#isOn(connection, request, client);
    else connection.takenOver = false;
    if (connection.requestCounts?.http === false) this.#enterTunnel(connection, client.originOf(request, socket));
    if (connection.opened !== undefined) this.#accounting.requestSent(connection);
  }

  /** Its end will be told by the request alone. One that may have no end is not kept: what it says of it is known by now. */
  #isOn<Request extends object>(connection: Connection, request: Request, client: ClientAdapter<Request>): void {
    if (!client.mayTakeOver(request)) {
      this.#open.add(request, connection);
      return;
    }
    this.#open.addTakeover(request, connection);
    connection.takenOver = true;
    const { sentHeaders = '' } = connection;
    connection.sentHeaders = undefined;
    releaseRequest(connection, client.withHeaders(client.signalsOf(request, undefined), sentHeaders));
  }

  /** Another request follows the one before, which is still on the connection, or ended without a word. */
  #follows<Request extends object>(connection: Connection, before: Request): void {
    if (connection.client?.isFinished(before)) this.#open.remove(before);
    else {
      connection.earlier ??= [];
      connection.earlier.push(before);
    }
  }

  /** The last request of a connection is over, and can be freed. What its headers said is asked for only at a close. */
  #finished(connection: Connection, request: object, givenUp: boolean): void {
    const { client, response } = connection;
    if (client === undefined) return;

    const signals = client.signalsOfFinished(request, response);
    releaseRequest(connection, givenUp ? { ...signals, givenUp } : signals);
    const before = this.#finishedLast;
    if (before === connection) return;

    // Had it been the last one for that connection, its client would have destroyed the socket by now.
    if (before?.request === undefined && before?.socket?.destroyed === false) before.sentHeaders = undefined;
    this.#finishedLast = connection;
  }

  /** What is known now of a request that may have taken its connection over, which does not keep it. */
  #takeoverSaid(connection: Connection, request: object, answer: object | undefined, givenUp: boolean): void {
    const { client, signals } = connection;
    if (client === undefined || signals === undefined || connection.request !== undefined) return;

    const said = client.signalsOf(request, answer);
    const clientCloses = said.clientCloses || signals.clientCloses;
    releaseRequest(connection, { ...said, clientCloses, givenUp: said.givenUp || givenUp });
    connection.response = answer;
  }

  #forget(connection: Connection): void {
    if (connection.socket !== undefined) this.#live.delete(connection.socket);
    this.#closeCheck.delete(connection);
  }

  #close(connection: Connection): void {
    this.#open.removeAllOf(connection);
    this.#forget(connection);
    if (this.#finishedLast === connection) this.#finishedLast = undefined;
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
    const ends = addressesOf(socket);
    for (const connection of ends.localPort === undefined ? [] : this.#live.values()) {
      if (connection.opened === undefined || !hasAddresses(connection, ends)) continue;

      this.#enterTunnel(connection, origin);
      this.#aliases.set(socket, connection);
      return connection;
    }

    const untracked = new Connection(socket, this.#now());
    untracked.opened = untracked.started;
    untracked.counts = untracked.requestCounts = this.#registry.originCounts(origin, true);
    untracked.origin = origin;
    untracked.requests = reused ? 1 : 0;
    this.#aliases.set(socket, untracked);
    return untracked;
  }
}

/** Whether nobody hears of the socket's requests yet; from now on somebody does. */
function isFirstOn(socket: Socket, connection: Connection): boolean {
  if (connection.listenedSocket === socket) return false;

  connection.listenedSocket = socket;
  return true;
}

/** Whether the connection has these ends. Its own port is remembered: to ask the kernel for it costs. */
function hasAddresses(connection: Connection, ends: SocketAddresses): boolean {
  const { socket } = connection;
  if (socket === undefined) return false;

  connection.localPort ??= addressesOf(socket).localPort;
  return connection.localPort === ends.localPort && haveSameAddresses(addressesOf(socket), ends);
}

function without(requests: readonly object[], request: object): object[] | undefined {
  const left = requests.filter(each => each !== request);
  return left.length > 0 ? left : undefined;
}
