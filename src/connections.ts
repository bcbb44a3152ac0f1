import type { Socket } from 'node:net';
import { type Client, Connection, inFlight, isPromised, originOfConnection } from './connection.ts';
import type { Recorder } from './durations.ts';
import type { HttpVersion, Ledger, Tally } from './ledger.ts';
import type { Lookups } from './lookups.ts';
import { type Origin, sameOrigin } from './origins.ts';
import { phasesOf } from './phases.ts';
import { errorType, failedOutcome, failedPhase } from './reasons.ts';

/** What a finished TLS handshake tells: `version` as in `tls.protocol.version`, and the protocol agreed on, if any. */
export interface Secured {
  readonly version: string;
  readonly resumed: boolean;
  readonly alpn: string | undefined;
}

/** What the connections need from outside. */
export interface Surroundings {
  readonly ledger: Ledger;
  readonly lookups: Lookups;
  readonly record: Recorder;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
  /** Runs the function once the code that runs now, and what it calls, has returned. */
  readonly atEndOfTurn: (run: () => void) => void;
}

/**
 * The verbs of a connection's life, in its order, and of the requests on it. Every attempt ends in exactly one of opened
 * or failed, and every opened connection in at most one closed.
 *
 * A socket does not say at once what it is for. Until a client claims it, it is *unsettled*: opened, but not counted yet.
 * The first request, the next collection or its close settles it, whichever comes first, and it stays as it was counted.
 */
export class Connections {
  readonly #ledger: Ledger;
  readonly #lookups: Lookups;
  readonly #record: Recorder;
  readonly #now: () => number;
  readonly #atEndOfTurn: (run: () => void) => void;

  /**
   * Connections attempted and not closed, by their socket. Not weak: each leaves at its close, or at the end of the turn
   * if it never began, and weak entries cost the garbage collector more than all else we do for a new connection.
   */
  readonly #live = new Map<object, Connection>();
  /** What else leads to a connection: HTTP/2 sessions, TLS inside a tunnel, sockets from before we listened. */
  readonly #aliases = new WeakMap<object, Connection>();
  readonly #unsettled = new Set<Connection>();

  /** Sockets whose `connect` was called in this turn, and what the next of them is known to be for. */
  #ofThisTurn: Connection[] = [];
  #expected: { readonly origin: Origin; readonly pool: object } | undefined;
  #turnIsOpen = false;

  constructor({ ledger, lookups, record, now, atEndOfTurn }: Surroundings) {
    this.#ledger = ledger;
    this.#lookups = lookups;
    this.#record = record;
    this.#now = now;
    this.#atEndOfTurn = atEndOfTurn;
  }

  /** Connections attempted and not closed. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** An HTTP client is about to open a connection: the next socket attempted in this turn. */
  expected(origin: Origin, pool: object): void {
    this.#expected = { origin, pool };
    this.#openTurn();
  }

  /** `connect` was called on a socket. It may yet throw. */
  attempted(socket: Socket): void {
    if (this.#live.has(socket)) return; // connecting or open already: nothing new begins

    const connection = new Connection(socket, this.#now());
    if (this.#expected !== undefined) {
      this.#claim(connection, this.#expected.origin);
      connection.pool = this.#expected.pool;
      this.#expected = undefined;
    }
    this.#live.set(socket, connection);
    this.#ofThisTurn.push(connection);
    this.#openTurn();
  }

  /** A request was made that may have opened a connection: if so, the socket attempted last in this turn. */
  requestCreated<Request extends object>(request: Request, client: Client<Request>, pool: object | undefined): void {
    const connection = this.#ofThisTurn.at(-1);
    if (connection === undefined || connection.http || client.wasReused(request) || client.isWaiting(request)) return;

    this.#claim(connection, client.originOf(request));
    connection.pool = pool;
    connection.promised = request;
    connection.client = client;
  }

  /** The lookup of the connection's name ended. Comes once per address found. */
  lookedUp(socket: Socket, host: string, error: unknown): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.resolved !== undefined) return;

    connection.begun = true;
    connection.host = host;
    connection.resolved = this.#now();
    if (error) this.#lookups.failed(host, connection.resolved - connection.started, error);
  }

  /** An address is dialled; `family` is undefined for a Unix socket, whose path is the address. */
  addressTried(socket: Socket, address: string, port: number | undefined, family: number | undefined): void {
    const connection = this.#live.get(socket);
    if (connection === undefined) return;

    connection.begun = true;
    connection.tried = true;
    connection.address = address;
    connection.port = port;
    if (family !== undefined) {
      connection.attempts.push({ type: family === 6 ? 'ipv6' : 'ipv4', outcome: undefined });
    }
    // The claim was a guess by time, and it was wrong: this socket goes elsewhere.
    if (family !== undefined && connection.origin !== undefined && connection.origin.port !== port) {
      connection.http = false;
      connection.origin = undefined;
      connection.pool = undefined;
      connection.promised = undefined;
    }
  }

  addressFailed(socket: Socket, error: unknown): void {
    this.#attemptEnded(this.#live.get(socket), failedOutcome(error));
  }

  addressTimedOut(socket: Socket): void {
    this.#attemptEnded(this.#live.get(socket), 'timed_out');
  }

  /** TCP stands. With TLS to come, the connection is not open yet. */
  connected(socket: Socket, tlsToCome: boolean): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.connected !== undefined) return;

    connection.begun = true;
    connection.connected = this.#now();
    this.#attemptEnded(connection, 'ok');
    if (!tlsToCome) this.#opened(connection);
  }

  /** The TLS handshake is done and the peer is who it should be. */
  secured(socket: Socket, { version, resumed, alpn }: Secured): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.connected === undefined || connection.secured !== undefined) return;

    connection.secured = this.#now();
    connection.tls = { version, resumed };
    if (alpn === 'h2') connection.version = '2';
    if (alpn === 'h2' || alpn === 'http/1.1') connection.http = true;
    this.#opened(connection);
  }

  /** An HTTP client took the socket for requests to this origin: a connection of its own, or a tunnel through a proxy. */
  taken(socket: Socket, origin: Origin, version: HttpVersion): void {
    const connection = this.#find(socket) ?? this.#met(socket, origin, false);
    connection.version = version;
    if (connection.tally === undefined) this.#claim(connection, origin);
    else if (connection.origin === undefined || !sameOrigin(connection.origin, origin))
      this.#tunnel(connection, origin);
  }

  /** A request went out on the socket, or will as soon as it is open. May come twice for one request. */
  requestSent<Request extends object>(socket: Socket, request: Request, client: Client<Request>): void {
    const connection = this.#find(socket) ?? this.#met(socket, client.originOf(request), client.wasReused(request));
    if (connection.request === request || connection.version === '2') return; // HTTP/2 is counted by its streams

    const previous = connection.request;
    if (previous !== undefined && !connection.client?.isOver(previous)) {
      this.#keepEarlier(connection, previous);
    }
    connection.request = request;
    connection.promised = undefined;
    connection.client = client;
    connection.http = true;
    if (connection.target?.http === false) this.#tunnel(connection, client.originOf(request));
    if (connection.opened !== undefined) this.#countRequest(connection);
  }

  /** An HTTP/2 stream carries a request. */
  streamStarted<Session extends object>(session: Session, socketOf: (session: Session) => Socket | undefined): void {
    let connection = this.#aliases.get(session);
    if (connection === undefined) {
      const socket = socketOf(session);
      connection = socket && this.#find(socket);
      if (connection === undefined) return; // opened before we were listening

      this.#aliases.set(session, connection);
      connection.http = true;
      connection.version = '2';
    }
    connection.streams++;
    if (connection.opened !== undefined) this.#countRequest(connection);
  }

  streamEnded(session: object): void {
    const connection = this.#aliases.get(session);
    if (connection !== undefined && connection.streams > 0) connection.streams--; // else it began before we listened
  }

  /** The socket met an error; its close comes next. The first error is the reason. */
  errored(socket: Socket, error: unknown): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) connection.error ??= error;
  }

  /** The socket is closed: the end of a connection, or of an attempt. */
  closed(socket: Socket): void {
    const connection = this.#live.get(socket);
    if (connection === undefined) return;

    this.#live.delete(socket);
    if (connection.opened === undefined) this.#failed(connection);
    else this.#ended(connection, connection.opened);
    connection.request = undefined;
    connection.promised = undefined;
    connection.earlier = undefined;
  }

  /** Nobody listens any more: streams that end now are not seen, so those open now are not counted on. */
  pause(): void {
    for (const connection of this.#live.values()) connection.streams = 0;
  }

  /** Brings the ledger's states up to now, for a collection. */
  takeStock(): void {
    for (const connection of this.#unsettled) this.#settle(connection);
    for (const tally of this.#ledger.tallies) {
      for (const inUse of tally.allInUse) {
        inUse.active.value = 0;
        inUse.idle.value = 0;
        inUse.requests.value = 0;
      }
    }

    let lookupsPending = 0;
    for (const connection of this.#live.values()) {
      if (connection.socket.closed) {
        this.closed(connection.socket); // its close was emitted, but somebody had removed all listeners
      } else if (connection.opened === undefined) {
        if (connection.begun && connection.resolved === undefined && !connection.tried) lookupsPending++;
      } else {
        this.#countInUse(connection);
      }
    }
    this.#ledger.lookupsPending.value = lookupsPending;
  }

  #find(socket: object): Connection | undefined {
    return this.#live.get(socket) ?? this.#aliases.get(socket);
  }

  #openTurn(): void {
    if (this.#turnIsOpen) return;

    this.#turnIsOpen = true;
    this.#atEndOfTurn(() => this.#endTurn());
  }

  #endTurn(): void {
    const attempted = this.#ofThisTurn;
    this.#ofThisTurn = [];
    this.#expected = undefined;
    this.#turnIsOpen = false;
    for (const connection of attempted) {
      if (connection.socket.connecting) connection.begun = true;
      else if (!connection.begun) this.#live.delete(connection.socket); // `connect` threw, or was undone at once
    }
  }

  #claim(connection: Connection, origin: Origin): void {
    connection.http = true;
    connection.origin = origin;
  }

  #attemptEnded(connection: Connection | undefined, outcome: 'ok' | 'failed' | 'timed_out'): void {
    const attempt = connection?.attempts.at(-1);
    if (attempt !== undefined) attempt.outcome ??= outcome;
  }

  #opened(connection: Connection): void {
    connection.opened = this.#now();
    if (!connection.http) {
      this.#unsettled.add(connection);
      return;
    }
    this.#settle(connection);
    if (connection.request !== undefined) this.#countRequest(connection);
    for (let stream = 0; stream < connection.streams; stream++) this.#countRequest(connection);
  }

  /** Decides, once, where the connection is counted. */
  #settle(connection: Connection): Tally {
    if (connection.tally !== undefined) return connection.tally;

    this.#unsettled.delete(connection);
    const tally = this.#ledger.tally(originOfConnection(connection), connection.http);
    connection.tally = tally;
    connection.target = tally;
    if (connection.resolved !== undefined) tally.passes('dns');
    if (connection.attempts.length > 0) tally.passes('connect');
    for (const { type, outcome } of connection.attempts)
      if (outcome !== undefined) tally.attempt(type, outcome).value++;

    if (connection.opened === undefined) return tally;

    tally.opened.value++;
    const { connect, tls } = phasesOf(connection);
    if (connect !== undefined && connection.attempts.length > 0) {
      this.#record('connmeter.connect.duration', connect, tally.attributes);
    }
    if (tls !== undefined && connection.tls !== undefined) {
      tally.passes('tls');
      this.#record('connmeter.tls.handshake.duration', tls, {
        ...tally.attributes,
        'tls.protocol.version': connection.tls.version,
        'tls.resumed': connection.tls.resumed,
      });
    }
    return tally;
  }

  #failed(connection: Connection): void {
    if (!connection.begun && connection.error === undefined) return; // undone before it began

    const { error } = connection;
    this.#attemptEnded(connection, failedOutcome(error));
    const phase = failedPhase(connection, connection.tried, error);
    const tally = this.#settle(connection);
    tally.passes(phase);
    const failure = tally.failure(phase, errorType(error));
    failure.value++;

    const now = this.#now();
    const attributes = { ...tally.attributes, 'error.type': failure.attributes['error.type'] };
    if (phase === 'connect' && connection.attempts.length > 0) {
      const { connect } = phasesOf({ ...momentsOf(connection), connected: now });
      if (connect !== undefined) this.#record('connmeter.connect.duration', connect, attributes);
    }
    if (phase === 'tls') {
      const { connect, tls } = phasesOf({ ...momentsOf(connection), secured: now });
      if (connect !== undefined) this.#record('connmeter.connect.duration', connect, tally.attributes);
      if (tls !== undefined) this.#record('connmeter.tls.handshake.duration', tls, attributes);
    }
  }

  #ended(connection: Connection, opened: number): void {
    const tally = this.#settle(connection);
    tally.closed.value++;
    if (!tally.http) return;

    const { attributes } = tally.inUse(connection.version).requests;
    this.#record('http.client.connection.duration', this.#now() - opened, attributes);
  }

  #countRequest(connection: Connection): void {
    const settled = connection.target ?? this.#settle(connection);
    if (!settled.http) connection.target = this.#ledger.tally(originOfConnection(connection), true);
    const { requests } = connection.target as Tally;
    if (connection.requests++ > 0) requests.reused.value++;
    else requests.fresh.value++;
  }

  #countInUse(connection: Connection): void {
    const { tally, target, version } = connection;
    const busyWith = inFlight(connection);
    const busy = busyWith > 0 || isPromised(connection);
    if (tally?.http) tally.inUse(version)[busy ? 'active' : 'idle'].value++;
    if (target?.http) target.inUse(version).requests.value += busyWith;
  }

  #keepEarlier(connection: Connection, request: object): void {
    connection.earlier ??= [];
    // Pipelined requests end in their order, so those that are over are at the front.
    while (connection.earlier[0] !== undefined && connection.client?.isOver(connection.earlier[0])) {
      connection.earlier.shift();
    }
    connection.earlier.push(request);
  }

  /** The requests from now on go through the connection to another origin, for which it is new. */
  #tunnel(connection: Connection, origin: Origin): void {
    connection.target = this.#ledger.tally(origin, true);
    connection.requests = 0;
    connection.origin = origin;
  }

  /**
   * A socket that no channel has shown us: TLS inside a tunnel, which shares its ends with the socket that carries it, or
   * a connection from before we listened, or no network socket at all. The latter two are not counted, their requests are.
   */
  #met(socket: Socket, origin: Origin, reused: boolean): Connection {
    for (const carrier of this.#live.values()) {
      if (carrier.opened === undefined || !haveSameEnds(carrier.socket, socket)) continue;

      this.#settle(carrier);
      this.#tunnel(carrier, origin);
      this.#aliases.set(socket, carrier);
      return carrier;
    }

    const stranger = new Connection(socket, this.#now());
    stranger.opened = stranger.started;
    stranger.tally = stranger.target = this.#ledger.tally(origin, true);
    stranger.origin = origin;
    stranger.requests = reused ? 1 : 0;
    this.#aliases.set(socket, stranger);
    return stranger;
  }
}

function haveSameEnds(a: Socket, b: Socket): boolean {
  return (
    b.localPort !== undefined &&
    a.localPort === b.localPort &&
    a.remotePort === b.remotePort &&
    a.remoteAddress === b.remoteAddress &&
    a.localAddress === b.localAddress
  );
}

function momentsOf({ started, resolved, connected, secured }: Connection) {
  return { started, resolved, connected, secured };
}
