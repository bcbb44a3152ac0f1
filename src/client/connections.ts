import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { failedOutcome, isOfSystem, type Outcome } from '../core/errors.ts';
import type { GoawayCode } from '../core/goaway-codes.ts';
import type { Guard } from '../core/guard.ts';
import { socketOf } from '../core/http2.ts';
import { hostName, isIpAddress, type Origin, portNumber, socketPath } from '../core/origins.ts';
import { streamFailureOf } from '../core/request-failures.ts';
import type { TlsHandshake } from '../core/tls-handshake.ts';
import type { HttpVersion } from '../metrics/address-counts.ts';
import { adviceOf } from '../metrics/advice.ts';
import type { Lookups } from '../metrics/lookups.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import { ConnectionAccounting } from './accounting.ts';
import { withAttempt, withOutcome } from './attempts.ts';
import type { CallSites } from './attribution/call-sites.ts';
import { abortOf } from './attribution/close-reason.ts';
import { type PoolIdentity, poolOfSession } from './attribution/pool-identity.ts';
import { Pools } from './attribution/pools.ts';
import { Callers } from './callers.ts';
import { type ClientAdapter, Connection, originOfConnection, releaseReferences } from './connection.ts';
import { ConnectionStates } from './connection-states.ts';
import type { ConnectionTracer } from './connection-tracer.ts';
import { CurrentTurn } from './current-turn.ts';
import { canDial, canLookUp } from './dialled-origin.ts';
import { IdleTimes } from './idle-times.ts';
import { type InProgress, inProgress } from './in-progress.ts';
import { LatestRequest } from './latest-request.ts';
import { LiveConnections } from './live-connections.ts';
import { QueueTimes } from './queue-times.ts';
import { Requests } from './requests.ts';
import {
  type ClientSnapshot,
  closedConnection,
  type LiveConnection,
  liveConnection,
  MAX_LIVE,
  originSnapshot,
} from './snapshot.ts';
import { Timeouts } from './timeouts.ts';
import { Tunnels } from './tunnels.ts';
import { UnreadBodies } from './unread-bodies.ts';

export interface Dependencies {
  readonly registry: MetricRegistry;
  readonly lookups: Lookups;
  readonly callSites: CallSites;
  readonly record: Recorder;
  /** The name under which an address is shown. Default: itself. */
  readonly nameOf?: (address: string) => string;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
  /** Returns a function that queues `run` as a microtask. */
  readonly asMicrotask: (run: () => void) => () => void;
  /** Runs its argument in the next turn of the event loop. */
  readonly inNextLoop: (run: () => void) => void;
  /** Each connection is read behind this guard. */
  readonly guard: Guard;
  /** Undefined if there are no traces. */
  readonly tracer?: ConnectionTracer | undefined;
}

/**
 * What happens to client connections and to the requests on them: one method per event, in the order of a connection's
 * life. Each attempt ends as opened or failed, and each opened connection is closed at most once.
 */
export class Connections {
  readonly #registry: MetricRegistry;
  readonly #lookups: Lookups;
  readonly #nameOf: (address: string) => string;
  readonly #now: () => number;
  readonly #currentTurn: CurrentTurn;
  readonly #timeouts: Timeouts;

  readonly #live: LiveConnections;
  readonly tunnels: Tunnels;
  readonly callers: Callers;
  readonly #latestRequest: LatestRequest;
  readonly #tracer: ConnectionTracer | undefined;
  readonly #requests: Requests;
  readonly #callSites: CallSites;
  readonly #pools: Pools;
  readonly #states: ConnectionStates;
  readonly #idleTimes: IdleTimes;
  readonly #queueTimes: QueueTimes;
  readonly #accounting: ConnectionAccounting;

  constructor({
    registry,
    lookups,
    callSites,
    record,
    nameOf,
    now,
    asMicrotask,
    inNextLoop,
    guard,
    tracer,
  }: Dependencies) {
    this.#nameOf = nameOf ?? (address => address);
    this.#registry = registry;
    this.#callSites = callSites;
    const bodies = new UnreadBodies(guard, now, held => this.#reportHeld(held));
    this.#states = new ConnectionStates(guard, bodies, now);
    this.#live = new LiveConnections(this.#states, guard, connection => this.#close(connection));
    this.#requests = new Requests(this.#states, inNextLoop);
    this.#pools = new Pools({
      callSiteOf: origin => callSites.attempted(origin),
      onOpened: (origin, problem, site) => callSites.opened(origin, problem, site),
      states: this.#states,
      now,
    });
    this.#idleTimes = new IdleTimes(record, now);
    this.callers = new Callers();
    this.#latestRequest = new LatestRequest(asMicrotask);
    this.#tracer = tracer;
    this.#queueTimes = new QueueTimes({ registry, record, now, guard, callerOf: request => this.callers.of(request) });
    this.#accounting = new ConnectionAccounting({
      registry,
      lookups,
      pools: this.#pools,
      states: this.#states,
      callSites,
      idleTimes: this.#idleTimes,
      queueTimes: this.#queueTimes,
      record,
      guard,
      tracer,
    });
    this.tunnels = new Tunnels(this.#live, this.#requests, this.#accounting);
    this.#lookups = lookups;
    this.#now = now;
    this.#currentTurn = new CurrentTurn(asMicrotask, attempted => this.#turnEnded(attempted));
    this.#timeouts = new Timeouts(asMicrotask);
  }

  /** How many connections were attempted and are not closed. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** An HTTP client is about to connect: the next attempt of this turn is for this origin. */
  clientConnecting(origin: Origin, connector: object): void {
    this.#currentTurn.expect({ origin, connector, request: this.#latestRequest.opening(origin) });
  }

  /**
   * `connect` was called on a socket. It may still throw. If the last connection of this socket has ended, this is another
   * one. Otherwise it is the same one: Node does not connect a socket twice at a time.
   */
  attempted(socket: Socket): void {
    const last = this.#live.get(socket);
    if (last !== undefined) {
      if (!this.#states.isClosed(last)) return;
      this.#close(last);
    }

    this.#live.closeSome();
    const connection = new Connection(socket, this.#now());
    this.#pools.attempted(connection);
    this.#callSites.lines?.attempted(connection);
    const expected = this.#currentTurn.takeExpected();
    if (expected !== undefined) {
      connection.http = true;
      connection.origin = expected.origin;
      if (expected.request !== undefined) this.#openedFor(connection, expected.request);
      this.#pools.announced(connection, expected.origin, expected.connector);
    }
    this.#live.add(socket, connection);
    this.#currentTurn.attempted(connection);
  }

  /**
   * A request was created. If this opened a connection, it is the latest attempt of this turn. Returns the socket of that
   * connection, so that the source can add its listeners.
   */
  requestCreated<Request extends object>(request: Request, client: ClientAdapter<Request>): Socket | undefined {
    this.callers.made(request, 'always');
    this.#tracer?.requestMade(request, 'always');
    const connection = this.#currentTurn.latest;
    const socket = connection?.socket;
    if (connection === undefined || socket === undefined || connection.http) return undefined;
    if (client.wasReused(request) || !client.opened(request, socket)) return undefined;

    this.#assignToPool(connection, client.originOf(request, socket), client.poolOf(request));
    this.#openedFor(connection, request);
    this.#requests.waitsFor(connection, request, client);
    connection.listenedSocket = socket;
    return socket;
  }

  /** undici made a request. It is sent later, or in this turn. */
  requestMade<Request extends object>(request: Request, client: ClientAdapter<Request>): void {
    this.#queueTimes.waiting.created(request, client);
    this.#tracer?.requestMade(request, 'by stack');
    const hasCaller = this.callers.madeByUndici(request);
    this.#latestRequest.forget();
    if (hasCaller || this.#tracer !== undefined) this.#latestRequest.made(request, client);
  }

  /** A watched dispatcher is asked for a request, until `requestDispatched`. `originOf`: undefined if it is not known. */
  requestDispatching(request: object, originOf: () => Origin | undefined): void {
    this.#queueTimes.waiting.dispatching(request, originOf);
  }

  requestDispatched(): void {
    this.#latestRequest.forget();
    this.#queueTimes.waiting.dispatched();
  }

  /** A watched request has a connection. */
  requestStarted(request: object): void {
    this.#queueTimes.waiting.started(request);
  }

  /** A request waits in the queue of its agent. */
  requestQueued<Request extends object>(request: Request, client: ClientAdapter<Request>): void {
    this.#queueTimes.queued(request, client);
  }

  /** A request that was in the queue has a socket now. */
  requestGotSocket(request: object, socket: Socket): void {
    this.#queueTimes.gotSocket(request, socket, this.#live.find(socket));
  }

  /** A request that was in a queue is over. */
  requestGaveUp(request: object): void {
    this.#queueTimes.forget(request);
  }

  /** The latest attempt of this turn, if no client is known to have made it. */
  get latestAttempt(): Socket | undefined {
    const connection = this.#currentTurn.latest;
    return connection?.http === false ? connection.socket : undefined;
  }

  /** The lookup ended. Called once per address found; only the first call counts. Returns true from the second address on. */
  lookedUp(socket: Socket, host: string, error: unknown): boolean {
    const connection = this.#live.get(socket);
    if (connection === undefined) return false;
    if (connection.resolved !== undefined) return true;

    connection.hasBegun = true;
    // undici 8 calls `lookup` for an address too, with the name in the `Host` header. Nothing is looked up then.
    if (connection.origin !== undefined && isIpAddress(connection.origin.address)) return false;

    connection.host = hostName(host);
    if (connection.origin !== undefined && !canLookUp(connection.origin, host)) this.#unclaim(connection);
    this.#registry.names.labelOf(host, 'connection');
    connection.resolved = this.#now();
    if (error) this.#lookups.failed(host, connection.resolved - connection.started, error);
    return false;
  }

  /** The socket tries an address. For a Unix socket, `address` is the path and `family` is undefined. */
  addressTried(socket: Socket, address: string, port: number | undefined, family: number | undefined): void {
    const connection = this.#live.get(socket);
    if (connection === undefined) return;

    connection.hasBegun = true;
    connection.address = family === undefined ? socketPath(address) : hostName(address);
    connection.port = portNumber(port);
    if (family !== undefined) connection.attempts = withAttempt(connection.attempts, family === 6 ? 'ipv6' : 'ipv4');
    if (connection.origin !== undefined && !canDial(connection.origin, connection)) this.#unclaim(connection);
  }

  addressFailed(socket: Socket, error: unknown): void {
    endAttempt(this.#live.get(socket), failedOutcome(error));
  }

  addressTimedOut(socket: Socket): void {
    endAttempt(this.#live.get(socket), 'timed_out');
  }

  /** The socket is connected. With TLS, the connection is open only after the handshake. */
  connected(socket: Socket, isTls: boolean): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.connected !== undefined) return;

    connection.hasBegun = true;
    connection.connected = this.#now();
    endAttempt(connection, 'ok');
    if (!isTls) this.#opened(connection, connection.connected);
  }

  /** The TLS handshake is done, and the certificate is accepted. */
  secured(socket: Socket, handshake: TlsHandshake): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.connected === undefined || connection.secured !== undefined) return;

    connection.secured = this.#now();
    connection.tls = handshake;
    const { alpn } = handshake;
    if (alpn === 'h2') connection.version = '2';
    if (alpn === 'h2' || alpn === 'http/1.1') connection.http = true;
    this.#opened(connection, connection.secured);
  }

  /** An HTTP client uses the socket for requests to this origin: as a connection of its own, or as a tunnel through a proxy. */
  clientConnected(socket: Socket, origin: Origin, pool: PoolIdentity, version: HttpVersion): void {
    const connection = this.#live.find(socket) ?? this.#adopt(socket, origin, pool, false);
    connection.version = version;
    if (connection.counts === undefined && connection.pool === undefined) this.#assignToPool(connection, origin, pool);
    else if (connection.opened !== undefined && this.tunnels.leadTo(connection, origin))
      this.tunnels.enter(connection, origin);
    if (this.tunnels.isInside(socket)) setListenedSocket(connection, socket); // it has the errors
  }

  /** The pool of a connection that `clientConnected` did not know. */
  poolShown(socket: Socket, pool: PoolIdentity): void {
    const connection = this.#live.get(socket);
    if (connection?.origin !== undefined) this.#pools.reassign(connection, connection.origin, pool);
  }

  /**
   * A request was sent on the socket, or will be when the socket is open. May be called twice for one request. Returns true
   * if the socket needs the source's listeners.
   */
  requestSent<Request extends object>(
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
    sentHeaders: string | undefined,
  ): boolean {
    const connection = this.#connectionFor(socket, request, client);
    this.#sent(connection, socket, request, client, sentHeaders);
    return setListenedSocket(connection, socket);
  }

  /** The response headers of the request on the socket arrived, maybe before the request was sent completely. Returns as `requestSent`. */
  responseStarted<Request extends object>(
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
    response: object,
  ): boolean {
    const connection = this.#connectionFor(socket, request, client);
    this.#sent(connection, socket, request, client, undefined);
    this.#requests.responseStarted(connection, response);
    return setListenedSocket(connection, socket);
  }

  /** The response headers of a request, from a client that does not name the connection. */
  responseHeaders(request: object, response: object): void {
    const connection = this.#requests.responseHeaders(request, response);
    if (connection !== undefined) this.tunnels.answered(connection);
  }

  /** A request is over: it was answered. The client does not name the connection. */
  requestFinished(request: object): void {
    this.#queueTimes.forget(request);
    const connection = this.#requests.finished(request, false, undefined);
    if (connection !== undefined) this.#requestEnded(connection);
  }

  /** A request is over: it failed with this error. The client does not name the connection. */
  requestFailed(request: object, error: unknown): void {
    this.#queueTimes.forget(request);
    const abort = abortOf(error);
    const connection = this.#requests.finished(request, true, abort);
    if (connection === undefined) return;

    if (abort === 'unread') this.#callSites.lines?.bodyCollected(request, originOfConnection(connection));
    this.#requestEnded(connection);
  }

  /** A request failed with the error of its socket. */
  requestFailedOn(socket: Socket, request: object, error: unknown): void {
    const connection = this.#live.find(socket);
    if (connection !== undefined) this.#requests.failed(connection, request, error);
  }

  /** The agent took the socket back, so the connection is idle. */
  returnedToPool(socket: Socket): void {
    const connection = this.#live.find(socket);
    if (connection === undefined) return;

    this.#requests.returnedToPool(connection, socket);
    this.#idleTimes.began(connection);
  }

  /** The agent no longer owns the socket: it was upgraded, became a tunnel, or the program removed it. */
  removedFromPool(socket: Socket): void {
    const connection = this.#live.find(socket);
    if (connection === undefined) return;

    this.#requests.removedFromPool(connection);
    this.tunnels.answered(connection);
  }

  /** The socket emitted 'timeout'. */
  timedOut(socket: Socket): void {
    const connection = this.#live.find(socket);
    if (connection !== undefined) this.#timeouts.expired(connection);
  }

  /** The server sent FIN. */
  serverEnded(socket: Socket, clientEndedFirst: boolean): void {
    const connection = this.#live.find(socket);
    if (connection === undefined || clientEndedFirst) return;

    connection.serverEnded = true;
    connection.pool?.leaves(connection, this.#states.reasonOf(connection));
  }

  /** The server sent GOAWAY on the session. */
  goawayReceived(session: object, code: GoawayCode): void {
    const connection = this.#live.ofSession(session);
    if (connection === undefined) return;

    this.#accounting.goawayReceived(connection, code);

    connection.receivedGoaway = true;
    connection.pool?.leaves(connection, 'goaway');
  }

  /** A request was sent on an HTTP/2 stream. Returns true if the session is new, so that the source can add its listeners. */
  streamStarted(session: Http2Session, id: number): boolean {
    const known = this.#live.ofSession(session);
    const connection = known ?? this.#bindSession(session, socketOf(session));
    if (connection === undefined) return false; // it was opened before connmeter started

    this.#requests.streamStarted(connection, id);
    const isUnknown = connection.pool === undefined && connection.counts === undefined;
    if (isUnknown && connection.connected !== undefined) {
      this.#assignToPool(connection, originOfConnection(connection), poolOfSession(session));
    }
    const caller = this.callers.ofStream(connection.owner === 'undici');
    if (connection.opened !== undefined) this.#accounting.requestSent(connection, caller);
    this.#idleTimes.reused(connection);
    connection.pool?.used(connection);
    return known === undefined;
  }

  /** A stream ends with this code of RST_STREAM, which is not 0, and the program did not destroy it. */
  streamFailed(session: object, code: number): void {
    const connection = this.#live.ofSession(session);
    if (connection === undefined) return;

    this.#accounting.requestFailed(connection, streamFailureOf(code, this.#states.isEndedByServer(connection)));
  }

  streamEnded(session: object, id: number): void {
    const connection = this.#live.ofSession(session);
    this.#requests.streamEnded(connection, id);
    if (connection?.requestsInProgress !== 0) return;

    this.#idleTimes.began(connection);
    connection.pool?.unused(connection);
  }

  /** An error occurred on the socket, and its close follows. Only the first error counts. */
  errored(socket: Socket, error: unknown): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) connection.error ??= error;
  }

  /** The socket closed: the connection is closed, or its attempt failed. Ignored if the socket is connected again already. */
  closed(socket: Socket): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined && this.#states.isClosed(connection)) this.#close(connection);
  }

  /** connmeter stops listening. Requests that are active now count as over, because their end is not seen. */
  pause(): void {
    this.#requests.pause(this.#live);
    this.#queueTimes.forgetAll();
    this.callers.forgetAll();
  }

  /** Sets all gauges to the current state, for a collection. */
  refreshGauges(): void {
    this.#live.closeAll();
    this.#accounting.refreshGauges(this.#live);
  }

  snapshot(): ClientSnapshot {
    this.#live.closeAll();
    this.#accounting.countPending(this.#live);
    this.#accounting.checkHeld(this.#live);
    const now = this.#now();
    const live: LiveConnection[] = [];
    for (const connection of this.#live) {
      if (live.length === MAX_LIVE) break;
      const { isBusy, heldSince } = this.#states;
      live.push(liveConnection(connection, isBusy(connection), heldSince(connection), now, this.#nameOf));
    }
    return {
      origins: this.#registry.allOriginCounts.map(originSnapshot),
      live,
      closed: this.#accounting.recentlyClosed.all.map(each => closedConnection(each, this.#nameOf)),
      callSites: this.#callSites.found,
      advice: adviceOf(this.#registry.allOriginCounts, this.#registry.allListenerCounts),
    };
  }

  /** What is not over yet. */
  inProgress(): InProgress {
    return inProgress(this.#live, this.#states);
  }

  #bindSession(session: Http2Session, socket: Socket | undefined): Connection | undefined {
    const connection = socket && this.#live.find(socket);
    if (connection === undefined) return undefined;

    this.#live.addAlias(session, connection);
    connection.session = session;
    connection.http = true;
    connection.version = '2';
    return connection;
  }

  #reportHeld(connection: Connection): boolean {
    const { client, request } = connection;
    if (client === undefined || request === undefined) return false;

    return this.#callSites.bodyHeld(request, client, originOfConnection(connection));
  }

  #turnEnded(attempted: Connection): void {
    if (attempted.hasBegun) return;

    // Without a name to look up, the system may have refused already.
    if (attempted.socket?.connecting || isOfSystem(this.#states.errorOf(attempted))) attempted.hasBegun = true;
    else this.#discard(attempted);
  }

  /** `connect` threw, or was undone at once. Nothing is counted. */
  #discard(connection: Connection): void {
    this.#live.delete(connection);
    this.#pools.withdraw(connection);
  }

  /** The socket was matched to a client by time only, and it goes elsewhere. */
  #unclaim(connection: Connection): void {
    this.#pools.withdraw(connection);
    connection.http = false;
    connection.origin = undefined;
    connection.openedBy = undefined;
    this.#requests.waitsForNone(connection);
  }

  #assignToPool(connection: Connection, origin: Origin, pool: PoolIdentity | undefined): void {
    connection.http = true;
    connection.origin = origin;
    this.#pools.assign(connection, origin, pool);
  }

  #connectionFor<Request extends object>(socket: Socket, request: Request, client: ClientAdapter<Request>): Connection {
    return (
      this.#live.find(socket) ??
      this.#adopt(socket, client.originOf(request, socket), client.poolOf(request), client.wasReused(request))
    );
  }

  #sent<Request extends object>(
    connection: Connection,
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
    sentHeaders: string | undefined,
  ): void {
    if (!this.#requests.sent(connection, socket, request, client, sentHeaders)) {
      if (connection.version === '2') this.#sentOnStream(request);
      return;
    }

    connection.requestSite = this.#callSites.siteOf(request);
    if (connection.pool === undefined && connection.counts === undefined)
      this.#claim(connection, socket, request, client);
    connection.http = true;
    connection.timedOut = false;
    connection.pool?.used(connection);
    if (connection.counts === undefined && connection.requests === 0) {
      this.#nameOrigin(connection, client.namedHost(request));
      this.#callSites.lines?.sentFirst(connection, request);
      connection.openedAt ??= connection.requestSite;
    }
    if (connection.requestCounts?.http === false) this.tunnels.enter(connection, client.originOf(request, socket));
    if (connection.opened === undefined) return;

    this.tunnels.requestSent(connection);
    this.#accounting.requestSent(connection, this.callers.of(request));
    this.#idleTimes.reused(connection);
    this.#queueTimes.sent(connection, request);
  }

  /** http2.ts counts it, when its stream starts. */
  #sentOnStream(request: object): void {
    this.callers.sentOnStream(request);
    this.#queueTimes.forget(request);
  }

  /** undici's DNS interceptor looks up the name of a request itself, and then makes its client dial the address. */
  #nameOrigin(connection: Connection, name: unknown): void {
    const { origin } = connection;
    if (origin === undefined || typeof name !== 'string' || name === origin.address || !isIpAddress(origin.address))
      return;

    if (this.#lookups.resolved.ledTo(name, origin.address)) {
      connection.origin = { address: hostName(name), port: origin.port };
    }
  }

  /** The client connected later than in the turn of the request, so only the request shows whose connection it is. */
  #claim<Request extends object>(
    connection: Connection,
    socket: Socket,
    request: Request,
    client: ClientAdapter<Request>,
  ): void {
    const pool = client.poolOf(request);
    if (pool === undefined) return;

    this.#openedFor(connection, request);
    this.#assignToPool(connection, client.originOf(request, socket), pool);
  }

  /** A request is over. The client may use the connection again, or close it. */
  #requestEnded(connection: Connection): void {
    const { pool, request, earlierRequests, takenOver } = connection;
    if (pool === undefined || request !== undefined || earlierRequests !== undefined || takenOver) return;

    if (this.#states.isLeaving(connection)) pool.leaves(connection, this.#states.reasonOf(connection));
    else {
      this.#idleTimes.began(connection);
      pool.unused(connection);
      this.#queueTimes.idle(connection);
    }
  }

  /** The connection is opened for this request. */
  #openedFor(connection: Connection, request: object): void {
    connection.openedBy = this.callers.of(request);
    this.#tracer?.attempted(connection, request);
  }

  #opened(connection: Connection, at: number): void {
    connection.opened = at;
    this.#tracer?.opened(connection);
    this.#queueTimes.opened(connection);
    this.tunnels.opened(connection);
    const { request } = connection;
    this.#accounting.opened(connection, request === undefined ? undefined : this.callers.of(request));
  }

  #close(connection: Connection): void {
    this.#requests.connectionClosed(connection);
    this.#live.delete(connection);
    this.tunnels.closed(connection);
    connection.closed = this.#now();
    connection.error = this.#states.errorOf(connection);
    if (connection.opened === undefined) endAttempt(connection, failedOutcome(connection.error, connection.timedOut));
    this.#accounting.closed(connection);
    releaseReferences(connection);
  }

  /**
   * Finds or makes the connection of a socket whose attempt was not seen. It is a TLS socket inside a tunnel, or it was
   * opened before connmeter started, or it is no network socket at all. The last two are not counted, but their requests are.
   */
  #adopt(socket: Socket, origin: Origin, pool: PoolIdentity | undefined, reused: boolean): Connection {
    const tunnel = this.tunnels.around(socket);
    if (tunnel !== undefined) {
      if (tunnel.pool === undefined) this.#assignToPool(tunnel, originOfConnection(tunnel), pool);
      this.tunnels.enterAround(tunnel, socket, origin);
      return tunnel;
    }

    const connection = new Connection(socket, this.#now());
    connection.opened = connection.started;
    connection.origin = origin;
    this.#accounting.openedEarlier(connection, origin, reused);
    this.#live.addAlias(socket, connection);
    return connection;
  }
}

/** Sets the outcome of the current attempt, unless it has one. */
function endAttempt(connection: Connection | undefined, outcome: Outcome): void {
  if (connection !== undefined) connection.attempts = withOutcome(connection.attempts, outcome);
}

/** The source adds its listeners to the socket. Returns false if it has them already. */
function setListenedSocket(connection: Connection, socket: Socket): boolean {
  if (connection.listenedSocket === socket) return false;

  connection.listenedSocket = socket;
  return true;
}
