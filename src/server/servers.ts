import type { Socket } from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import { errorType } from '../core/errors.ts';
import { type Guard, withFallback } from '../core/guard.ts';
import type { Origin } from '../core/origins.ts';
import type { ServerCloseReason } from '../core/reasons.ts';
import { RotatingCheck } from '../core/rotating-check.ts';
import { addressesOf } from '../core/socket-addresses.ts';
import type { TlsHandshake } from '../core/tls-handshake.ts';
import type { Listener, ListenerCounts } from '../metrics/listener-counts.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import {
  countInUse,
  countRequest,
  type LifetimeMetrics,
  recordLifetime,
  streamEnded,
} from '../metrics/tracked-connection.ts';
import { type AnyServer, closeReasonOf, isActive, ServedConnection } from './served-connection.ts';

const LIFE: LifetimeMetrics = {
  requests: 'connmeter.server.connection.requests',
  duration: 'connmeter.server.connection.duration',
};

/** Where a server that listens has its connections counted. */
interface KnownServer {
  readonly listener: Listener;
  readonly counts: ListenerCounts;
}

type ListenerOf = (server: AnyServer) => Listener;

/**
 * The verbs of a connection's life as its server sees it, in its order. Every connection is accepted or refused, and every
 * accepted one is closed at most once.
 */
export class Servers {
  readonly #registry: MetricRegistry;
  readonly #record: Recorder;
  readonly #now: () => number;
  /** Connections accepted and not closed, by the socket that speaks for them: with TLS that around the accepted one. */
  readonly #live = new Map<object, ServedConnection>();
  /** Finds those whose close nobody told us of. */
  readonly #rotatingCheck: RotatingCheck<ServedConnection>;
  /** Those whose handshake is under way, by the ends that both sockets share. */
  readonly #handshaking = new Map<string, ServedConnection[]>();
  /** HTTP/2 sessions, and sockets that we did not see being accepted. */
  readonly #aliases = new WeakMap<object, ServedConnection>();
  /** Sessions that were told of before the socket they are on was, in the same turn. */
  readonly #early = new WeakMap<object, object>();
  readonly #listening = new WeakMap<object, KnownServer>();
  readonly #known = new WeakSet<object>();
  readonly #ignored = new WeakSet<object>();
  #isPaused = false;

  /** Each connection is looked at behind a guard of its own: one that cannot be looked at spoils no other. */
  readonly #closeIfGone: (connection: ServedConnection) => void;
  readonly #countNow: (connection: ServedConnection) => void;
  readonly #reasonOf: (connection: ServedConnection) => ServerCloseReason;

  constructor(registry: MetricRegistry, record: Recorder, now: () => number, guard: Guard) {
    this.#registry = registry;
    this.#record = record;
    this.#now = now;
    this.#closeIfGone = guard('accepted connection', (connection: ServedConnection) => this.#lookAtEnd(connection));
    this.#countNow = guard('accepted connection', countState);
    this.#reasonOf = withFallback(guard, 'close reason', closeReasonOf, 'unknown');
    this.#rotatingCheck = new RotatingCheck(this.#live, this.#closeIfGone);
  }

  /** Connections accepted and not closed. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** The server is not the program's: nothing of it is counted. */
  ignore(server: object): void {
    this.#ignored.add(server);
    this.#known.add(server);
  }

  knows(server: object): boolean {
    return this.#known.has(server);
  }

  /** The server listens, or was handed a connection. Returns whether it is one to be heard that we did not know. */
  listening(server: AnyServer, listenerOf: ListenerOf): boolean {
    if (this.#ignored.has(server)) return false;

    const isNew = !this.#known.has(server);
    this.#known.add(server);
    const listener = listenerOf(server);
    if (listener.origin !== undefined) {
      const counts = this.#registry.listenerCounts(listener.origin, listener.http);
      counts.listening(listener);
      this.#listening.set(server, { listener, counts });
    }
    return isNew;
  }

  /** The server let a connection in. Returns whether it is counted. */
  accepted(socket: Socket, server: AnyServer, listenerOf: ListenerOf): boolean {
    if (this.#ignored.has(server)) return false;

    this.#rotatingCheck.checkSome();
    const { listener, counts } = this.#placeOf(server, socket, listenerOf);
    const connection = new ServedConnection(socket, server, listener.tls, this.#now());
    connection.opened = connection.started;
    connection.version = listener.version;
    connection.counts = connection.requestCounts = counts;
    counts.accepted.value++;
    this.#live.set(socket, connection);
    if (listener.tls) this.#handshakes(connection);
    const session = this.#early.get(socket);
    if (session !== undefined) this.#carries(connection, session);
    return true;
  }

  /** The server had as many connections as it takes, and closed this one at once. */
  dropped(server: AnyServer): void {
    const met = this.#listening.get(server);
    if (met !== undefined && !this.#isPaused) met.counts.refused.value++;
  }

  /** The TLS handshake is done: from now on its own socket speaks. Returns whether the connection is counted. */
  secured(socket: Socket, { version, resumed, alpn }: TlsHandshake): boolean {
    const connection = this.#handshaking.get(keyOf(socket))?.[0];
    if (connection === undefined) return false; // accepted before we listened

    this.#handshakeOver(connection);
    this.#live.delete(connection.socket);
    this.#live.set(socket, connection);
    connection.socket = socket;
    connection.tlsPending = false;
    connection.secured = this.#now();
    connection.tls = { version, resumed };
    connection.version = alpn === 'h2' ? '2' : '1.1';
    this.#recordHandshake(connection, {
      ...connection.counts?.attributes,
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
  requestStarted(socket: Socket, server: AnyServer, listenerOf: ListenerOf): void {
    const connection = this.#find(socket) ?? this.#unseen(socket, server, listenerOf);
    if (connection === undefined) return; // left out

    connection.streams++;
    connection.timedOut = false;
    connection.clientCloses = false;
    if (connection.requestCounts?.http === false) this.#speaksHttp(connection);
    countRequest(connection, connection.requestCounts as ListenerCounts);
  }

  /** Its answer is handed over to its end. `clientCloses`: the request said that the connection ends with it. */
  requestFinished(socket: Socket, clientCloses: boolean): void {
    if (socket.destroyed) return; // Node 22 takes an answer for finished when its connection is cut

    const connection = this.#find(socket);
    streamEnded(connection);
    if (connection !== undefined) connection.clientCloses = clientCloses;
  }

  /** An HTTP/2 session begins on a socket. Returns whether it is one to be heard that we did not know. */
  sessionStarted<Session extends object>(
    session: Session,
    socketOf: (session: Session) => Socket | undefined,
  ): boolean {
    const socket = this.#aliases.has(session) ? undefined : socketOf(session);
    if (socket === undefined || this.#early.get(socket) === session) return false;

    const connection = this.#find(socket);
    if (connection !== undefined) this.#carries(connection, session);
    else this.#early.set(socket, session);
    return true;
  }

  streamStarted(session: object): void {
    const connection = this.#aliases.get(session);
    if (connection === undefined) return;

    connection.streams++;
    connection.timedOut = false;
    countRequest(connection, connection.requestCounts as ListenerCounts);
  }

  /** `torn`: with its whole session. */
  streamEnded(session: object, torn: boolean): void {
    const connection = this.#aliases.get(session);
    if (connection !== undefined && torn && connection.streams > 0) connection.closedDuringRequest = true;
    streamEnded(connection);
  }

  /** The client ended its half, or said that it goes away; `first`: before the server did. */
  clientEnded(speaker: object, first: boolean): void {
    const connection = this.#find(speaker);
    if (connection === undefined || !first) return;

    connection.clientEnded = true;
    if (connection.socket === speaker && connection.streams > 0) connection.closedDuringRequest = true;
  }

  /** Nothing happened on the socket or session for as long as the server had set. */
  timedOut(speaker: object): void {
    const connection = this.#find(speaker);
    if (connection !== undefined) connection.timedOut = true;
  }

  closed(socket: Socket): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) this.#close(connection);
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
  refreshGauges(): void {
    for (const connection of this.#live.values()) this.#closeIfGone(connection);
    for (const counts of this.#registry.allListenerCounts) counts.resetGauges();
    for (const connection of this.#live.values()) this.#countNow(connection);
  }

  #carries(connection: ServedConnection, session: object): void {
    this.#aliases.set(session, connection);
    connection.version = '2';
  }

  #find(speaker: object): ServedConnection | undefined {
    return this.#live.get(speaker) ?? this.#aliases.get(speaker);
  }

  #placeOf(server: AnyServer, socket: Socket, listenerOf: ListenerOf): KnownServer {
    const met = this.#listening.get(server);
    if (met !== undefined) return met;

    const listener = listenerOf(server);
    return { listener, counts: this.#registry.listenerCounts(listener.origin ?? this.#boundTo(socket), listener.http) };
  }

  /** The listener behind a connection whose server was handed it: one we know by its port, else the connection's own end. */
  #boundTo(socket: Socket): Origin {
    const { localAddress = 'unknown', localPort } = addressesOf(socket);
    const isIts = (address: unknown) => address === localAddress || address === '::' || address === '0.0.0.0';
    const known = this.#registry.allListenerCounts.find(
      ({ port, attributes }) => port !== undefined && port === localPort && isIts(attributes['server.address']),
    );
    return { address: String(known?.attributes['server.address'] ?? localAddress), port: localPort };
  }

  /** A connection that no channel has shown us: from before we listened, or passed on by another process. Its requests count. */
  #unseen(socket: Socket, server: AnyServer, listenerOf: ListenerOf): ServedConnection | undefined {
    if (this.#ignored.has(server)) return undefined;

    const connection = new ServedConnection(socket, server, false, this.#now());
    connection.counts = connection.requestCounts = this.#placeOf(server, socket, listenerOf).counts;
    this.#aliases.set(socket, connection);
    return connection;
  }

  /** The connection was let in by a server that knows no HTTP, and passed on to one that does. */
  #speaksHttp(connection: ServedConnection): void {
    const { attributes, port } = connection.counts as ListenerCounts;
    connection.requestCounts = this.#registry.listenerCounts(
      { address: String(attributes['server.address']), port },
      true,
    );
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

  /** Its close is under way, or was emitted after somebody had removed all listeners; or another process has it. */
  #lookAtEnd(connection: ServedConnection): void {
    connection.passedOn = isPassedOn(connection);
    if (connection.passedOn || connection.socket.closed) this.#close(connection);
  }

  #close(connection: ServedConnection): void {
    const counts = connection.counts as ListenerCounts;
    this.#live.delete(connection.socket);
    this.#rotatingCheck.entryDeleted();
    counts.closed(this.#reasonOf(connection)).value++;
    recordLifetime(connection, LIFE, counts.attributes, this.#now(), this.#record);
    if (!connection.tlsPending) return;

    this.#handshakeOver(connection);
    // One that goes without a word is told of after its close, and always so.
    const { error = { code: 'ECONNRESET' } } = connection;
    this.#recordHandshake(connection, counts.failedHandshake(errorType(error)));
  }

  #recordHandshake({ started }: ServedConnection, attributes: Attributes): void {
    this.#record('connmeter.server.tls.handshake.duration', this.#now() - started, attributes);
  }
}

function countState(connection: ServedConnection): void {
  const { counts } = connection;
  if (counts?.http === false) counts.open.value++;
  else countInUse(connection, isActive(connection), connection.streams);
}

/** To another process: the socket is left behind without its handle, and says no more. */
function isPassedOn({ socket, tlsPending, tls }: ServedConnection): boolean {
  return socket.pending && !socket.destroyed && !tlsPending && tls === undefined;
}

function keyOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = addressesOf(socket);
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
