import type { Socket } from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import { countInUse, countRequest, type LifeMetrics, recordLife, type Secured, streamEnded } from './carrier.ts';
import { endsOf } from './ends.ts';
import type { Ledger } from './ledger.ts';
import type { Listener, ListenerTally } from './listener-tally.ts';
import type { Origin } from './origins.ts';
import { errorType } from './reasons.ts';
import type { Recorder } from './recorder.ts';
import { RoundRobin } from './round-robin.ts';
import { type AnyServer, isActive, reasonOf, ServedConnection } from './served-connection.ts';

const LIFE: LifeMetrics = {
  requests: 'connmeter.server.connection.requests',
  duration: 'connmeter.server.connection.duration',
};

/** Where a server that listens has its connections counted. */
interface Met {
  readonly listener: Listener;
  readonly tally: ListenerTally;
}

type ListenerOf = (server: AnyServer) => Listener;

/**
 * The verbs of a connection's life as its server sees it, in its order. Every connection is accepted or refused, and every
 * accepted one is closed at most once.
 */
export class Servers {
  readonly #ledger: Ledger;
  readonly #record: Recorder;
  readonly #now: () => number;
  /** Connections accepted and not closed, by the socket that speaks for them: with TLS that around the accepted one. */
  readonly #live = new Map<object, ServedConnection>();
  /** The same connections. Each that is accepted checks a few others, in case the program removed our `close` listener. */
  readonly #inTurn = new RoundRobin<ServedConnection>(connection => this.#closeIfGone(connection));
  /** Those whose handshake is under way, by the ends that both sockets share. */
  readonly #handshaking = new Map<string, ServedConnection[]>();
  /** HTTP/2 sessions, and sockets that we did not see being accepted. */
  readonly #aliases = new WeakMap<object, ServedConnection>();
  /** Sessions that were told of before the socket they are on was, in the same turn. */
  readonly #early = new WeakMap<object, object>();
  readonly #met = new WeakMap<object, Met>();
  readonly #known = new WeakSet<object>();
  readonly #leftOut = new WeakSet<object>();
  #isPaused = false;

  constructor(ledger: Ledger, record: Recorder, now: () => number) {
    this.#ledger = ledger;
    this.#record = record;
    this.#now = now;
  }

  /** Connections accepted and not closed. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** The server is not the program's: nothing of it is counted. */
  leaveOut(server: object): void {
    this.#leftOut.add(server);
    this.#known.add(server);
  }

  knows(server: object): boolean {
    return this.#known.has(server);
  }

  /** The server listens, or was handed a connection. Returns whether it is one to be heard that we did not know. */
  listening(server: AnyServer, listenerOf: ListenerOf): boolean {
    if (this.#leftOut.has(server)) return false;

    const isNew = !this.#known.has(server);
    this.#known.add(server);
    const listener = listenerOf(server);
    if (listener.origin !== undefined) {
      const tally = this.#ledger.listener(listener.origin, listener.http);
      tally.listening(listener);
      this.#met.set(server, { listener, tally });
    }
    return isNew;
  }

  /** The server let a connection in. Returns whether it is counted. */
  accepted(socket: Socket, server: AnyServer, listenerOf: ListenerOf): boolean {
    if (this.#leftOut.has(server)) return false;

    this.#inTurn.lookAtSome();
    const { listener, tally } = this.#placeOf(server, socket, listenerOf);
    const connection = new ServedConnection(socket, server, listener.tls, this.#now());
    connection.opened = connection.started;
    connection.version = listener.version;
    connection.tally = connection.target = tally;
    tally.accepted.value++;
    this.#live.set(socket, connection);
    this.#inTurn.add(connection);
    if (listener.tls) this.#handshakes(connection);
    const session = this.#early.get(socket);
    if (session !== undefined) this.#carries(connection, session);
    return true;
  }

  /** The server had as many connections as it takes, and closed this one at once. */
  refused(server: AnyServer): void {
    const met = this.#met.get(server);
    if (met !== undefined && !this.#isPaused) met.tally.refused.value++;
  }

  /** The TLS handshake is done: from now on its own socket speaks. Returns whether the connection is counted. */
  secured(socket: Socket, { version, resumed, alpn }: Secured): boolean {
    const connection = this.#handshaking.get(keyOf(socket))?.[0];
    if (connection === undefined) return false; // accepted before we listened

    this.#handshakeOver(connection);
    this.#live.delete(connection.socket);
    this.#live.set(socket, connection);
    connection.socket = socket;
    connection.unsecured = false;
    connection.secured = this.#now();
    connection.tls = { version, resumed };
    connection.version = alpn === 'h2' ? '2' : '1.1';
    this.#recordHandshake(connection, {
      ...connection.tally?.attributes,
      'tls.protocol.version': version,
      'tls.resumed': resumed,
    });
    return true;
  }

  /** The TLS handshake failed; its close comes next. */
  handshakeFailed(socket: Socket, error: unknown): void {
    const connection = this.#handshaking.get(keyOf(socket))?.[0];
    if (connection !== undefined) connection.error ??= error;
  }

  /** The headers of a request have come. */
  requestBegun(socket: Socket, server: AnyServer, listenerOf: ListenerOf): void {
    const connection = this.#find(socket) ?? this.#unseen(socket, server, listenerOf);
    if (connection === undefined) return; // left out

    connection.streams++;
    connection.timedOut = false;
    connection.clientCloses = false;
    if (connection.target?.http === false) this.#speaksHttp(connection);
    countRequest(connection, connection.target as ListenerTally);
  }

  /** Its answer is handed over to its end. `clientCloses`: the request said that the connection ends with it. */
  requestOver(socket: Socket, clientCloses: boolean): void {
    if (socket.destroyed) return; // Node 22 takes an answer for finished when its connection is cut

    const connection = this.#find(socket);
    streamEnded(connection);
    if (connection !== undefined) connection.clientCloses = clientCloses;
  }

  /** An HTTP/2 session begins on a socket. Returns whether it is one to be heard that we did not know. */
  sessionBegun<Session extends object>(session: Session, socketOf: (session: Session) => Socket | undefined): boolean {
    const socket = this.#aliases.has(session) ? undefined : socketOf(session);
    if (socket === undefined || this.#early.get(socket) === session) return false;

    const connection = this.#find(socket);
    if (connection !== undefined) this.#carries(connection, session);
    else this.#early.set(socket, session);
    return true;
  }

  streamBegun(session: object): void {
    const connection = this.#aliases.get(session);
    if (connection === undefined) return;

    connection.streams++;
    connection.timedOut = false;
    countRequest(connection, connection.target as ListenerTally);
  }

  /** `torn`: with its whole session. */
  streamOver(session: object, torn: boolean): void {
    const connection = this.#aliases.get(session);
    if (connection !== undefined && torn && connection.streams > 0) connection.torn = true;
    streamEnded(connection);
  }

  /** The client ended its half, or said that it goes away; `first`: before the server did. */
  clientEnded(speaker: object, first: boolean): void {
    const connection = this.#find(speaker);
    if (connection === undefined || !first) return;

    connection.clientEnded = true;
    if (connection.socket === speaker && connection.streams > 0) connection.torn = true;
  }

  /** Nothing happened on the socket or session for as long as the server had set. */
  timedOut(speaker: object): void {
    const connection = this.#find(speaker);
    if (connection !== undefined) connection.timedOut = true;
  }

  closed(socket: Socket): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) this.#close(connection, false);
  }

  /** Nobody listens any more: requests that end now are not seen, so those open now are not counted on. */
  pause(): void {
    this.#isPaused = true;
    for (const connection of this.#live.values()) connection.streams = 0;
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** Brings the ledger's states up to now, for a collection. */
  takeStock(): void {
    for (const connection of this.#live.values()) this.#closeIfGone(connection);
    for (const tally of this.#ledger.listeners) tally.clearStates();
    for (const connection of this.#live.values()) {
      const { tally } = connection;
      if (tally?.http === false) tally.open.value++;
      else countInUse(connection, isActive(connection), connection.streams);
    }
  }

  #carries(connection: ServedConnection, session: object): void {
    this.#aliases.set(session, connection);
    connection.version = '2';
  }

  #find(speaker: object): ServedConnection | undefined {
    return this.#live.get(speaker) ?? this.#aliases.get(speaker);
  }

  #placeOf(server: AnyServer, socket: Socket, listenerOf: ListenerOf): Met {
    const met = this.#met.get(server);
    if (met !== undefined) return met;

    const listener = listenerOf(server);
    return { listener, tally: this.#ledger.listener(listener.origin ?? this.#boundTo(socket), listener.http) };
  }

  /** The listener behind a connection whose server was handed it: one we know by its port, else the connection's own end. */
  #boundTo(socket: Socket): Origin {
    const { localAddress = 'unknown', localPort } = endsOf(socket);
    const isIts = (address: unknown) => address === localAddress || address === '::' || address === '0.0.0.0';
    const known = this.#ledger.listeners.find(
      ({ port, attributes }) => port !== undefined && port === localPort && isIts(attributes['server.address']),
    );
    return { address: String(known?.attributes['server.address'] ?? localAddress), port: localPort };
  }

  /** A connection that no channel has shown us: from before we listened, or passed on by another process. Its requests count. */
  #unseen(socket: Socket, server: AnyServer, listenerOf: ListenerOf): ServedConnection | undefined {
    if (this.#leftOut.has(server)) return undefined;

    const connection = new ServedConnection(socket, server, false, this.#now());
    connection.tally = connection.target = this.#placeOf(server, socket, listenerOf).tally;
    this.#aliases.set(socket, connection);
    return connection;
  }

  /** The connection was let in by a server that knows no HTTP, and passed on to one that does. */
  #speaksHttp(connection: ServedConnection): void {
    const { attributes, port } = connection.tally as ListenerTally;
    connection.target = this.#ledger.listener({ address: String(attributes['server.address']), port }, true);
  }

  #handshakes(connection: ServedConnection): void {
    connection.ends = keyOf(connection.socket);
    const waiting = this.#handshaking.get(connection.ends);
    if (waiting === undefined) this.#handshaking.set(connection.ends, [connection]);
    else waiting.push(connection); // Unix sockets all have the same ends
  }

  #handshakeOver(connection: ServedConnection): void {
    const { ends = '' } = connection;
    const left = this.#handshaking.get(ends)?.filter(each => each !== connection) ?? [];
    if (left.length > 0) this.#handshaking.set(ends, left);
    else this.#handshaking.delete(ends);
  }

  /** The program removed our `close` listener, or `close` is still to come; or another process has the socket. */
  #closeIfGone(connection: ServedConnection): void {
    if (connection.socket.closed) this.#close(connection, false);
    else if (isPassedOn(connection)) this.#close(connection, true);
  }

  #close(connection: ServedConnection, silent: boolean): void {
    const tally = connection.tally as ListenerTally;
    // The error of a failed handshake comes from the server; that of the accepted socket is a consequence.
    if (!connection.unsecured) connection.error ??= connection.socket.errored ?? undefined;
    this.#live.delete(connection.socket);
    this.#inTurn.delete(connection);
    tally.closed(reasonOf(connection, silent)).value++;
    recordLife(connection, LIFE, tally.attributes, this.#now(), this.#record);
    if (!connection.unsecured) return;

    this.#handshakeOver(connection);
    // One that goes without a word is told of after its close, and always so.
    const { error = { code: 'ECONNRESET' } } = connection;
    this.#recordHandshake(connection, tally.failedHandshake(errorType(error)));
  }

  #recordHandshake({ started }: ServedConnection, attributes: Attributes): void {
    this.#record('connmeter.server.tls.handshake.duration', this.#now() - started, attributes);
  }
}

/** To another process: the socket is left behind without its handle, and says no more. */
function isPassedOn({ socket, unsecured, tls }: ServedConnection): boolean {
  return socket.pending && !socket.destroyed && !unsecured && tls === undefined;
}

function keyOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = endsOf(socket);
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
