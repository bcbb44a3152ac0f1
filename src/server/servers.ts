import type { Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Attributes } from '@opentelemetry/api';
import { errorType } from '../core/errors.ts';
import { type Guard, withFallback } from '../core/guard.ts';
import { socketOf } from '../core/http2.ts';
import { type IdleEnd, MIN_IDLE_SECONDS, servedIdleEndOf } from '../core/idle-end.ts';
import type { ServerCloseReason } from '../core/reasons.ts';
import { RenewedMap } from '../core/renewed.ts';
import { RingBuffer } from '../core/ring-buffer.ts';
import { RotatingCheck } from '../core/rotating-check.ts';
import type { TlsHandshake } from '../core/tls-handshake.ts';
import type { Listener, ListenerCounts } from '../metrics/listener-counts.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import {
  countInUse,
  countRequest,
  pauseStreams,
  recordLifetime,
  requestEnded,
  streamEnded,
  streamStarted,
} from '../metrics/tracked-connection.ts';
import { type AnyServer, ListeningServers } from './listening-servers.ts';
import { PendingHandshakes } from './pending-handshakes.ts';
import { closeReasonOf, isActive, ServedConnection } from './served-connection.ts';
import {
  type ClosedServedConnection,
  closedServed,
  type LiveServedConnection,
  liveServed,
  MAX_CLOSED,
  MAX_LIVE,
  type ServedConnections,
} from './snapshot.ts';

export interface ServersContext {
  readonly registry: MetricRegistry;
  readonly record: Recorder;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
  readonly guard: Guard;
  /** Runs a function in the next round of the event loop, without keeping the process alive. */
  readonly inNextLoop: (run: () => void) => void;
}

/**
 * What happens to the connections that servers of this process accept: one method per event, in the order of a connection's
 * life. Each connection is accepted or refused, and each accepted connection is closed at most once.
 */
export class Servers {
  readonly #registry: MetricRegistry;
  readonly #record: Recorder;
  readonly #now: () => number;
  readonly #inNextLoop: (run: () => void) => void;
  readonly #servers: ListeningServers;
  /** Open connections, by socket. After a TLS handshake, this is the TLS socket. */
  readonly #live = new RenewedMap<object, ServedConnection>();
  /** Finds connections whose close was not reported. */
  readonly #closeCheck: RotatingCheck<ServedConnection>;
  readonly #handshakes = new PendingHandshakes();
  /** Connections by HTTP/2 session, or by socket if Node did not report that it was accepted. Weak, because no event reports the end of these. */
  readonly #aliases = new WeakMap<object, ServedConnection>();
  /** Socket -> HTTP/2 session, where Node announces the session first and the socket later in the same turn. */
  readonly #earlySessions = new WeakMap<object, object>();
  readonly #recentlyClosed = new RingBuffer<ClosedServedConnection>(MAX_CLOSED);
  #isPaused = false;

  // Each connection has a guard of its own, so that one that throws does not affect the others.
  readonly #closeIfGone: (connection: ServedConnection) => void;
  readonly #countState: (connection: ServedConnection) => void;
  readonly #addLive: (connection: ServedConnection, live: LiveServedConnection[], now: number) => void;
  readonly #closeReasonOf: (connection: ServedConnection) => ServerCloseReason;

  constructor({ registry, record, now, guard, inNextLoop }: ServersContext) {
    this.#registry = registry;
    this.#record = record;
    this.#now = now;
    this.#inNextLoop = inNextLoop;
    this.#servers = new ListeningServers(registry);
    this.#closeIfGone = guard('accepted connection', (connection: ServedConnection) => {
      connection.passedOn = isPassedOn(connection);
      if (connection.passedOn || connection.socket.closed) this.#ended(connection);
    });
    this.#countState = guard('accepted connection', countState);
    this.#addLive = guard(
      'accepted connection',
      (connection: ServedConnection, live: LiveServedConnection[], now: number) => {
        live.push(liveServed(connection, now));
      },
    );
    this.#closeReasonOf = withFallback(guard, 'close reason', closeReasonOf, 'unknown');
    this.#closeCheck = new RotatingCheck(this.#closeIfGone);
  }

  /** How many accepted connections are open. */
  get liveCount(): number {
    return this.#live.size;
  }

  /** Excludes a server that is not the program's own. */
  ignore(server: object): void {
    this.#servers.ignore(server);
  }

  isKnown(server: object): boolean {
    return this.#servers.isKnown(server);
  }

  /** A server listens, or was given a connection. Returns its listener if it is new, and undefined if it is known or ignored. */
  listening(server: AnyServer): Listener | undefined {
    return this.#servers.add(server);
  }

  /** A server accepted a connection. Returns undefined if the server is ignored. */
  accepted(socket: Socket, server: AnyServer): ServedConnection | undefined {
    if (this.#servers.isIgnored(server)) return undefined;

    this.#closeCheck.checkSome();
    const { listener, counts } = this.#servers.find(server, socket);
    const connection = new ServedConnection(socket, server, listener.tls, this.#now());
    connection.opened = connection.started;
    connection.version = listener.version;
    connection.counts = connection.requestCounts = counts;
    counts.accepted.value++;
    this.#live.set(socket, connection);
    this.#closeCheck.add(connection);
    if (listener.tls) this.#handshakes.add(connection);
    const session = this.#earlySessions.get(socket);
    if (session !== undefined) this.#bindSession(connection, session);
    return connection;
  }

  /** A server closed a connection at once, because it has `maxConnections` already. */
  refused(server: AnyServer): void {
    const counts = this.#servers.countsOf(server);
    if (counts !== undefined && !this.#isPaused) counts.refused.value++;
  }

  /** The TLS handshake is done. Returns false for a connection that was accepted before we listened, which is not counted. */
  secured(socket: Socket, server: AnyServer, handshake: TlsHandshake): boolean {
    const secured = this.#now();
    return this.#handshakes.settle(socket, server, (connection, clientLeft) => {
      connection.secured = secured;
      this.#secure(connection, socket, handshake);
      if (!clientLeft) return;

      connection.clientEnded = true;
      if (socket.closed) this.#close(connection);
    });
  }

  /** The TLS handshake failed. The close follows, or has come already. */
  handshakeFailed(socket: Socket, server: AnyServer, error: unknown): void {
    this.#handshakes.settle(socket, server, connection => {
      connection.error ??= error;
      if (connection.closed !== undefined) this.#close(connection);
    });
  }

  /** The headers of a request have arrived. Returns whether it is the first one of its connection. */
  requestStarted(socket: Socket, server: AnyServer): boolean {
    const connection = this.#find(socket) ?? this.#adopt(socket, server);
    if (connection === undefined) return false;

    this.#countReuse(connection);
    connection.requestsInProgress++;
    connection.timedOut = false;
    connection.clientCloses = false;
    if (connection.requestCounts?.http === false) this.#becomesHttp(connection);
    countRequest(connection, connection.requestCounts as ListenerCounts);
    return connection.requests === 1;
  }

  /** What the headers of its first request say about a client. `margin`: see `HintedEnd`. `proxied`: it is a proxy. */
  clientKnown(socket: Socket, margin: number, proxied: boolean): void {
    const connection = this.#find(socket);
    if (connection === undefined) return;

    connection.margin = margin;
    connection.proxied = proxied;
  }

  /**
   * The response is written. `clientCloses`: the connection ends because of the request. `hint`: for how many seconds the
   * response promises to keep the connection; NaN if it does not say.
   */
  requestFinished(socket: Socket, clientCloses: boolean, hint: number): void {
    if (socket.destroyed) return; // Node 22 reports a response as finished when its connection is reset

    const connection = this.#find(socket);
    requestEnded(connection);
    if (connection === undefined) return;

    connection.clientCloses = clientCloses;
    connection.hint = hint;
    connection.answered = this.#now();
  }

  /** An HTTP/2 session has begun. Returns whether it is new. */
  sessionStarted(session: Http2Session): boolean {
    const socket = this.#aliases.has(session) ? undefined : socketOf(session);
    if (socket === undefined || this.#earlySessions.get(socket) === session) return false;

    const connection = this.#find(socket);
    if (connection !== undefined) this.#bindSession(connection, session);
    else this.#earlySessions.set(socket, session);
    return true;
  }

  streamStarted(session: object, id: number): void {
    const connection = this.#aliases.get(session);
    if (connection === undefined) return;

    streamStarted(connection, id);
    connection.timedOut = false;
    countRequest(connection, connection.requestCounts as ListenerCounts);
  }

  /** A stream is closed. `sessionDestroyed`: its session was destroyed, which closes all streams. */
  streamEnded(session: object, id: number, sessionDestroyed: boolean): void {
    const connection = this.#aliases.get(session);
    if (connection !== undefined && sessionDestroyed && connection.requestsInProgress > 0)
      connection.closedDuringRequest = true;
    streamEnded(connection, id);
  }

  /** The client ended its side of the socket, or sent GOAWAY. `first`: before the server ended its own side. */
  clientEnded(socketOrSession: object, first: boolean): void {
    const connection = this.#find(socketOrSession);
    if (connection === undefined || !first) return;

    connection.clientEnded = true;
    if (connection.socket === socketOrSession && connection.requestsInProgress > 0)
      connection.closedDuringRequest = true;
  }

  /** The socket or session emitted `timeout`. */
  timedOut(socketOrSession: object): void {
    const connection = this.#find(socketOrSession);
    if (connection !== undefined) connection.timedOut = true;
  }

  closed(socket: Socket): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) this.#ended(connection);
  }

  /** Stops counting. The end of requests that are active now will not be seen, so they are no longer counted as active. */
  pause(): void {
    this.#isPaused = true;
    for (const connection of this.#live.values()) pauseStreams(connection);
  }

  resume(): void {
    this.#isPaused = false;
  }

  /** Updates the gauges of all listeners before a collection. */
  refreshGauges(): void {
    for (const connection of this.#live.values()) this.#closeIfGone(connection);
    for (const counts of this.#registry.allListenerCounts) counts.resetGauges();
    for (const connection of this.#live.values()) this.#countState(connection);
  }

  snapshot(): ServedConnections {
    for (const connection of this.#live.values()) this.#closeIfGone(connection);
    const now = this.#now();
    const live: LiveServedConnection[] = [];
    for (const connection of this.#live.values()) {
      if (live.length === MAX_LIVE) break;
      this.#addLive(connection, live, now);
    }
    return { live, closed: this.#recentlyClosed.all };
  }

  #find(socketOrSession: object): ServedConnection | undefined {
    return this.#live.get(socketOrSession) ?? this.#aliases.get(socketOrSession);
  }

  #bindSession(connection: ServedConnection, session: object): void {
    this.#aliases.set(session, connection);
    connection.version = '2';
  }

  /**
   * Tracks a connection that no channel has reported: it was accepted before connmeter started, or by another process. Its
   * requests are counted, the connection is not. Returns undefined if the server is ignored.
   */
  #adopt(socket: Socket, server: AnyServer): ServedConnection | undefined {
    if (this.#servers.isIgnored(server)) return undefined;

    const connection = new ServedConnection(socket, server, false, this.#now());
    connection.counts = connection.requestCounts = this.#servers.find(server, socket).counts;
    this.#aliases.set(socket, connection);
    return connection;
  }

  /** A server without HTTP accepted the connection and passed it to an HTTP server. */
  #becomesHttp(connection: ServedConnection): void {
    const { attributes, port } = connection.counts as ListenerCounts;
    const origin = { address: String(attributes['server.address']), port };
    connection.requestCounts = this.#registry.listenerCounts(origin, true);
  }

  /** The result of the handshake is known: from now on, the events of the TLS socket count. */
  #secure(connection: ServedConnection, socket: Socket, handshake: TlsHandshake): void {
    this.#handshakes.delete(connection);
    this.#live.delete(connection.socket);
    this.#live.set(socket, connection);
    connection.socket = socket;
    connection.tlsPending = false;
    connection.closed = connection.error = undefined;
    connection.tls = handshake;
    connection.version = handshake.alpn === 'h2' ? '2' : '1.1';
    if (connection.counts !== undefined)
      this.#recordHandshake(connection, connection.secured, connection.counts.handshake(handshake));
  }

  /** The socket is closed. If the result of its handshake is not known yet, the connection waits for that, one round of the event loop at most. */
  #ended(connection: ServedConnection): void {
    if (connection.closed !== undefined) return; // it waits already

    connection.closed = this.#now();
    if (!connection.tlsPending || connection.error !== undefined) {
      this.#close(connection);
      return;
    }
    const result = this.#handshakes.closed(connection);
    if (result !== undefined) result(connection, true);
    else this.#inNextLoop(() => connection.tlsPending && this.#close(connection));
  }

  #close(connection: ServedConnection): void {
    if (!this.#live.delete(connection.socket)) return;

    const counts = connection.counts as ListenerCounts;
    const { closed = this.#now() } = connection;
    connection.closed = closed;
    this.#closeCheck.delete(connection);
    const reason = this.#closeReasonOf(connection);
    counts.closed(reason).value++;
    this.#recentlyClosed.add(closedServed(connection, reason));
    const metrics = reason === 'upgraded' && connection.requests === 0 ? UPGRADED_METRICS : LIFETIME_METRICS;
    recordLifetime(connection, metrics, counts.attributes, closed, this.#record);
    const idleEnd = servedIdleEndOf(reason);
    if (idleEnd !== undefined) this.#countIdleEnd(connection, idleEnd, counts);
    if (!connection.tlsPending) return;

    this.#handshakes.delete(connection);
    // Node always reports a result, but perhaps too late. Without an error, the client has left: then Node reports ECONNRESET.
    const { error = { code: 'ECONNRESET' } } = connection;
    this.#recordHandshake(connection, closed, counts.failedHandshake(errorType(error)));
  }

  #countReuse({ answered, requestsInProgress, proxied, counts }: ServedConnection): void {
    if (Number.isNaN(answered) || requestsInProgress > 0 || counts === undefined) return;

    const idle = this.#now() - answered;
    if (idle >= MIN_IDLE_SECONDS) this.#recordIdle('reused', idle, proxied, counts);
  }

  #countIdleEnd(
    { answered, closed = Number.NaN, proxied }: ServedConnection,
    end: IdleEnd,
    counts: ListenerCounts,
  ): void {
    if (Number.isNaN(answered)) return;

    const idle = closed - answered;
    this.#recordIdle(end, idle, proxied, counts);
    if (proxied) counts.proxiedIdle.add(end, idle);
  }

  #recordIdle(end: IdleEnd, idle: number, proxied: boolean, counts: ListenerCounts): void {
    this.#record('connmeter.server.connection.idle_time', idle, counts.servedIdleTime(end, proxied));
  }

  #recordHandshake({ started }: ServedConnection, ended = started, attributes: Attributes): void {
    this.#record('connmeter.server.tls.handshake.duration', ended - started, attributes);
  }
}

const LIFETIME_METRICS = {
  requests: 'connmeter.server.connection.requests',
  duration: 'connmeter.server.connection.duration',
} as const;

/** An upgrade is not a request. A connection that carried nothing else must not look like one that was never used. */
const UPGRADED_METRICS = { ...LIFETIME_METRICS, requests: undefined } as const;

function countState(connection: ServedConnection): void {
  const { counts } = connection;
  if (counts?.http === false) counts.open.value++;
  else countInUse(connection, isActive(connection), connection.requestsInProgress);
}

/** Whether the socket was sent to another process. It stays here without its handle, and emits no more events. */
function isPassedOn({ socket, tlsPending, tls }: ServedConnection): boolean {
  return socket.pending && !socket.destroyed && !tlsPending && tls === undefined;
}
