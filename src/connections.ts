import type { Socket } from 'node:net';
import { Accounts } from './accounts.ts';
import type { CallSites } from './call-sites.ts';
import { type Secured, streamEnded } from './carrier.ts';
import { attemptEnded, type Client, Connection, isAnswered, release } from './connection.ts';
import { type Ends, endsOf, haveSameEnds } from './ends.ts';
import type { Ledger } from './ledger.ts';
import type { Lookups } from './lookups.ts';
import { OpenRequests } from './open-requests.ts';
import { hostName, type Origin, sameOrigin, socketPath } from './origins.ts';
import { Pools } from './pools.ts';
import { failedOutcome } from './reasons.ts';
import type { Recorder } from './recorder.ts';
import { RoundRobin } from './round-robin.ts';
import {
  closedConnection,
  type LiveConnection,
  liveConnection,
  MOST_LIVE,
  originSnapshot,
  type Snapshot,
} from './snapshot.ts';
import { Turn } from './turn.ts';
import type { HttpVersion } from './usage.ts';

/** What the connections need from outside. */
export interface Surroundings {
  readonly ledger: Ledger;
  readonly lookups: Lookups;
  readonly callSites: CallSites;
  readonly record: Recorder;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
  /** Returns what has the function run once the code that runs then, and what it calls, has returned. */
  readonly atEndOfTurn: (run: () => void) => () => void;
  /** Runs the function once the event loop has come round to it. */
  readonly inNextRound: (run: () => void) => void;
}

/**
 * The verbs of a connection's life, in its order, and of the requests on it. Every attempt ends in exactly one of opened
 * or failed, and every opened connection in at most one closed.
 */
export class Connections {
  readonly #ledger: Ledger;
  readonly #lookups: Lookups;
  readonly #now: () => number;
  readonly #turn: Turn;

  /**
   * Connections attempted and not closed, by their socket. Not weak: each leaves at its close, or at the end of the turn
   * if it never began, and weak entries cost the garbage collector more than all else we do for a new connection.
   */
  readonly #live = new Map<object, Connection>();
  /** The same connections. Each attempt checks a few, in case the program removed our `close` listener. */
  readonly #inTurn = new RoundRobin<Connection>(connection => this.#closeIfUnheard(connection));
  readonly #open = new OpenRequests();
  /** The connection whose request finished last. It alone keeps the text of that request's headers. */
  #finishedLast: Connection | undefined;
  /** What else leads to a connection: HTTP/2 sessions, TLS inside a tunnel, sockets from before we listened. */
  readonly #aliases = new WeakMap<object, Connection>();
  readonly #callSites: CallSites;
  readonly #pools: Pools;
  readonly #accounts: Accounts;

  constructor({ ledger, lookups, callSites, record, now, atEndOfTurn, inNextRound }: Surroundings) {
    this.#ledger = ledger;
    this.#callSites = callSites;
    this.#pools = new Pools({
      onNewPool: origin => callSites.poolOpened(origin),
      inNextRound,
      reasonOf: connection => this.#accounts.reasonOf(connection),
      now,
    });
    this.#accounts = new Accounts(ledger, this.#pools, callSites, record, now);
    this.#lookups = lookups;
    this.#now = now;
    this.#turn = new Turn(atEndOfTurn, attempted => this.#turnEnded(attempted));
  }

  /** Connections attempted and not closed. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** An HTTP client is about to open a connection: the next socket attempted in this turn. */
  expected(origin: Origin, pool: object): void {
    this.#turn.expect({ origin, pool });
  }

  /** `connect` was called on a socket. It may yet throw. */
  attempted(socket: Socket): void {
    if (this.#live.has(socket)) return; // connecting or open already: nothing new begins

    this.#inTurn.lookAtSome();
    const connection = new Connection(socket, this.#now());
    const expected = this.#turn.takeExpected();
    if (expected !== undefined) this.#claim(connection, expected.origin, expected.pool);
    this.#live.set(socket, connection);
    this.#inTurn.add(connection);
    this.#turn.attempted(connection);
  }

  /**
   * A request was made that may have opened a connection: if so, the socket attempted last in this turn. Returns that
   * socket, on which the source is to listen for the end of requests.
   */
  requestCreated<Request extends object>(
    request: Request,
    client: Client<Request>,
    pool: object | undefined,
  ): Socket | undefined {
    const connection = this.#turn.latest;
    if (connection === undefined || connection.http || client.wasReused(request) || client.isWaiting(request)) {
      return undefined;
    }
    this.#claim(connection, client.originOf(request), pool);
    connection.promised = request;
    connection.client = client;
    connection.heard = connection.socket;
    return connection.heard;
  }

  /** The lookup of the connection's name ended. Comes once per address found. */
  lookedUp(socket: Socket, host: string, error: unknown): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.resolved !== undefined) return;

    connection.begun = true;
    connection.host = hostName(host);
    connection.resolved = this.#now();
    if (error) this.#lookups.failed(host, connection.resolved - connection.started, error);
  }

  /** An address is dialled; `family` is undefined for a Unix socket, whose path is the address. */
  addressTried(socket: Socket, address: string, port: number | undefined, family: number | undefined): void {
    const connection = this.#live.get(socket);
    if (connection === undefined) return;

    connection.begun = true;
    connection.tried = true;
    connection.address = family === undefined ? socketPath(address) : hostName(address);
    connection.port = port;
    if (family !== undefined) {
      connection.attempts = [...connection.attempts, { type: family === 6 ? 'ipv6' : 'ipv4', outcome: undefined }];
    }
    // The claim was a guess by time, and it was wrong: this socket goes elsewhere.
    if (family !== undefined && connection.origin !== undefined && connection.origin.port !== port) {
      connection.place?.left(connection, undefined);
      connection.http = false;
      connection.origin = undefined;
      connection.promised = undefined;
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

    connection.begun = true;
    connection.connected = this.#now();
    attemptEnded(connection, 'ok');
    if (!tlsToCome) this.#accounts.opened(connection, connection.connected);
  }

  /** The TLS handshake is done and the peer is who it should be. */
  secured(socket: Socket, { version, resumed, alpn }: Secured): void {
    const connection = this.#live.get(socket);
    if (connection === undefined || connection.connected === undefined || connection.secured !== undefined) return;

    connection.secured = this.#now();
    connection.tls = { version, resumed };
    if (alpn === 'h2') connection.version = '2';
    if (alpn === 'h2' || alpn === 'http/1.1') connection.http = true;
    this.#accounts.opened(connection, connection.secured);
  }

  /** An HTTP client took the socket for requests to this origin: a connection of its own, or a tunnel through a proxy. */
  taken(socket: Socket, origin: Origin, pool: object, version: HttpVersion): void {
    const connection = this.#find(socket) ?? this.#met(socket, origin, false);
    connection.version = version;
    if (connection.tally === undefined && !connection.http) this.#claim(connection, origin, pool);
    else if (connection.origin === undefined || !sameOrigin(connection.origin, origin))
      this.#tunnel(connection, origin);
  }

  /**
   * A request went out on the socket, or will as soon as it is open. May come twice for one request. Returns whether it
   * is the first on this socket, on which the source is to listen for the end of requests.
   */
  requestSent<Request extends object>(
    socket: Socket,
    request: Request,
    client: Client<Request>,
    sentHeaders: string | undefined,
  ): boolean {
    const connection = this.#connectionOf(socket, request, client);
    this.#sent(connection, socket, request, client, sentHeaders);
    return isFirstOn(socket, connection);
  }

  /** The headers of the answer have come, maybe before the request was sent completely. Returns the same as `requestSent`. */
  answered<Request extends object>(socket: Socket, request: Request, client: Client<Request>, answer: object): boolean {
    const connection = this.#connectionOf(socket, request, client);
    this.#sent(connection, socket, request, client, undefined);
    connection.answer = answer;
    return isFirstOn(socket, connection);
  }

  /** The headers of the answer said something of the connection's future. For clients that name only the request. */
  answerSaid(request: object, answer: object): void {
    const connection = this.#open.connectionOf(request);
    if (connection === undefined) return;

    if (connection.request === request) connection.answer = answer;
    else if (connection.takenOver) this.#takeoverSaid(connection, request, answer, false);
  }

  /** The request is over: answered, or failed (`givenUp`). For clients that name only the request. */
  requestOver(request: object, givenUp: boolean): void {
    const connection = this.#open.remove(request);
    if (connection === undefined) return;

    if (connection.request === request) this.#finished(connection, request, givenUp);
    else if (connection.earlier?.includes(request)) connection.earlier = without(connection.earlier, request);
    else if (connection.takenOver) {
      this.#takeoverSaid(connection, request, connection.answer, givenUp);
      connection.takenOver = connection.client?.isOver(request) !== true;
    }
  }

  /** The agent took the socket back: it is idle. */
  freed(socket: Socket): void {
    const connection = this.#find(socket);
    if (connection === undefined) return;

    const { client, request, place, port, answer } = connection;
    connection.promised = undefined; // if it still waits to be sent, it was given up
    if (connection.socket === socket) {
      connection.freed = true;
      // The agent hears of it after us: what it does next follows from what it has now.
      if (client !== undefined && request !== undefined && place !== undefined) {
        const most = client.mostIdle(request);
        if (place.live.size > most) connection.poolWasFull = client.idleNow(request, port) >= most;
      }
    }
    if (client !== undefined && request !== undefined) release(connection, client.partingOfFinished(request, answer));
  }

  /** The agent gives the socket up: after an upgrade or CONNECT, or because the program asked it to. */
  detached(socket: Socket): void {
    const connection = this.#find(socket);
    if (connection === undefined) return;

    const { client, request, answer } = connection;
    if (client === undefined || request === undefined) return;
    if (!client.mayTakeOver(request) || !isAnswered(connection)) return;

    release(connection, { ...client.parting(request, answer), upgraded: true });
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
    if (connection !== undefined && !weEndedFirst) connection.serverEnded = true;
  }

  /** The server sent GOAWAY on the session. */
  goneAway(session: object): void {
    const connection = this.#aliases.get(session);
    if (connection !== undefined) connection.goneAway = true;
  }

  /** An HTTP/2 stream carries a request. Returns whether it is the first we see of its session. */
  streamStarted<Session extends object>(session: Session, socketOf: (session: Session) => Socket | undefined): boolean {
    const known = this.#aliases.get(session);
    const connection = known ?? this.#bound(session, socketOf(session));
    if (connection === undefined) return false; // opened before we were listening

    connection.streams++;
    if (connection.opened !== undefined) this.#accounts.requestSent(connection);
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
      const { client, request, answer } = connection;
      if (client?.pipelines && request !== undefined) {
        release(connection, { ...client.parting(request, answer), complete: true });
      }
      connection.earlier = undefined;
    }
    this.#open.clear();
  }

  /** Brings the ledger's states up to now, for a collection. */
  takeStock(): void {
    for (const connection of this.#live.values()) this.#closeIfUnheard(connection);
    this.#accounts.takeStock(this.#live);
  }

  snapshot(): Snapshot {
    for (const connection of this.#live.values()) this.#closeIfUnheard(connection);
    this.#accounts.bringUpToDate(this.#live);
    const now = this.#now();
    const live: LiveConnection[] = [];
    for (const connection of this.#live.values()) {
      if (live.length < MOST_LIVE) live.push(liveConnection(connection, now));
    }
    return {
      origins: this.#ledger.tallies.map(originSnapshot),
      live,
      closed: this.#accounts.closedLast.all.map(closedConnection),
      callSites: this.#callSites.found,
    };
  }

  #find(socket: object): Connection | undefined {
    return this.#live.get(socket) ?? this.#aliases.get(socket);
  }

  #bound(session: object, socket: Socket | undefined): Connection | undefined {
    const connection = socket && this.#find(socket);
    if (connection === undefined) return undefined;

    this.#aliases.set(session, connection);
    connection.http = true;
    connection.version = '2';
    return connection;
  }

  #turnEnded(attempted: readonly Connection[]): void {
    for (const connection of attempted) {
      if (connection.socket?.connecting) connection.begun = true;
      else if (!connection.begun) this.#undone(connection);
    }
  }

  /** `connect` threw, or was undone at once: as if it had never been. */
  #undone(connection: Connection): void {
    this.#forget(connection);
    connection.place?.left(connection, undefined);
  }

  #claim(connection: Connection, origin: Origin, pool: object | undefined): void {
    connection.http = true;
    connection.origin = origin;
    this.#pools.joined(connection, origin, pool);
  }

  /** The connection of the socket that a request is on. */
  #connectionOf<Request extends object>(socket: Socket, request: Request, client: Client<Request>): Connection {
    return this.#find(socket) ?? this.#met(socket, client.originOf(request), client.wasReused(request));
  }

  #sent<Request extends object>(
    connection: Connection,
    socket: Socket,
    request: Request,
    client: Client<Request>,
    sentHeaders: string | undefined,
  ): void {
    if (connection.request === request || connection.version === '2') return; // HTTP/2 is counted by its streams

    if (connection.request !== undefined && client.pipelines) this.#follows(connection, connection.request as Request);
    connection.request = request;
    connection.promised = undefined;
    connection.client = client;
    connection.http = true;
    connection.sentHeaders = sentHeaders;
    connection.answer = undefined;
    connection.parting = undefined;
    connection.readBefore = socket.bytesRead;
    connection.freed = false;
    connection.timedOut = false;
    connection.blamed = false;
    connection.freeSince = undefined;
    connection.poolWasFull = false;
    if (client.pipelines) this.#keepUntilOver(connection, request, client);
    else connection.takenOver = false;
    if (connection.target?.http === false) this.#tunnel(connection, client.originOf(request));
    if (connection.opened !== undefined) this.#accounts.requestSent(connection);
  }

  /** Keeps the request until its end. CONNECT and upgrades may have none that is published, so they are not kept. */
  #keepUntilOver<Request extends object>(connection: Connection, request: Request, client: Client<Request>): void {
    if (!client.mayTakeOver(request)) {
      this.#open.add(request, connection);
      return;
    }
    this.#open.addTakeover(request, connection);
    connection.takenOver = true;
    const { sentHeaders = '' } = connection;
    connection.sentHeaders = undefined;
    release(connection, client.withHeaders(client.parting(request, undefined), sentHeaders));
  }

  /** Another request follows `before`, which is still on the connection, or has ended without an event. */
  #follows<Request extends object>(connection: Connection, before: Request): void {
    if (connection.client?.isOver(before)) this.#open.remove(before);
    else {
      connection.earlier ??= [];
      connection.earlier.push(before);
    }
  }

  /** The last request of the connection is over. To search the text of its headers is expensive, and only a close needs it. */
  #finished(connection: Connection, request: object, givenUp: boolean): void {
    const { client, answer } = connection;
    if (client === undefined) return;

    const parting = client.partingOfFinished(request, answer);
    release(connection, givenUp ? { ...parting, givenUp } : parting);
    const before = this.#finishedLast;
    if (before === connection) return;

    // undici destroys the socket in the same turn if it sent `connection: close`. This one goes on, so the text can go.
    if (before?.request === undefined && before?.socket?.destroyed === false) before.sentHeaders = undefined;
    this.#finishedLast = connection;
  }

  /** Updates what is known of CONNECT or an upgrade: the request itself is not kept. */
  #takeoverSaid(connection: Connection, request: object, answer: object | undefined, givenUp: boolean): void {
    const { client, parting } = connection;
    if (client === undefined || parting === undefined || connection.request !== undefined) return;

    const said = client.parting(request, answer);
    const clientCloses = said.clientCloses || parting.clientCloses;
    release(connection, { ...said, clientCloses, givenUp: said.givenUp || givenUp });
    connection.answer = answer;
  }

  #forget(connection: Connection): void {
    if (connection.socket !== undefined) this.#live.delete(connection.socket);
    this.#inTurn.delete(connection);
  }

  #close(connection: Connection): void {
    this.#open.removeAllOf(connection);
    this.#forget(connection);
    if (this.#finishedLast === connection) this.#finishedLast = undefined;
    this.#accounts.closed(connection);
  }

  /** The program removed our `close` listener, or `close` is still to come. */
  #closeIfUnheard(connection: Connection): void {
    if (connection.socket?.closed) this.#close(connection);
  }

  /** The requests from now on go through the connection to another origin, for which it is new. */
  #tunnel(connection: Connection, origin: Origin): void {
    this.#accounts.settle(connection);
    connection.target = this.#ledger.tally(origin, true);
    connection.requests = 0;
    connection.origin = origin;
  }

  /**
   * A socket that no channel has shown us: TLS inside a tunnel, which shares its ends with the socket that carries it, or
   * a connection from before we listened, or no network socket at all. The latter two are not counted, their requests are.
   */
  #met(socket: Socket, origin: Origin, reused: boolean): Connection {
    const ends = endsOf(socket);
    for (const carrier of ends.localPort === undefined ? [] : this.#live.values()) {
      if (carrier.opened === undefined || !isBetween(carrier, ends)) continue;

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

/** Whether the source does not listen to the socket yet. From now on it does. */
function isFirstOn(socket: Socket, connection: Connection): boolean {
  if (connection.heard === socket) return false;

  connection.heard = socket;
  return true;
}

/** Whether the connection has these ends. Its own port is read once, as that is a system call. */
function isBetween(connection: Connection, ends: Ends): boolean {
  const { socket } = connection;
  if (socket === undefined) return false;

  connection.localPort ??= endsOf(socket).localPort;
  return connection.localPort === ends.localPort && haveSameEnds(endsOf(socket), ends);
}

function without(requests: readonly object[], request: object): object[] | undefined {
  const left = requests.filter(each => each !== request);
  return left.length > 0 ? left : undefined;
}
