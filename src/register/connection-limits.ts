import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Guard } from '../core/guard.ts';

/** Limits for clients of the metrics server. Times are in milliseconds. */
export const LIMITS = {
  /** Enough for a few Prometheus servers, and for people with curl. */
  connections: 12,
  /** Pipelined requests per connection. Scrapers wait for each response, so they have one. */
  pendingRequests: 4,
  /** Until the first request of a connection has arrived. */
  headersTimeout: 5_000,
  /** Until the client has read all its responses. The default `scrape_timeout` of Prometheus is 10 s. */
  responseTimeout: 8_000,
  /**
   * How long there may be responses that are not read, by any client. After that, all connections are closed. A pending write
   * keeps the event loop running even if its socket is unreferenced, so clients that take turns could keep a program running.
   */
  pendingWritesTimeout: 10_000,
} as const;

// Kept, because tests of the program may replace them with fake timers.
const now = performance.now.bind(performance);
const { setTimeout, clearTimeout } = globalThis;

interface Connection {
  readonly socket: Socket;
  pendingRequests: number;
  /** When it last became idle or busy. */
  since: number;
  /** Closes the connection when its time is up. */
  timer: NodeJS.Timeout | undefined;
}

/**
 * Limits the connections of a server, and what each of them can use. If there are too many, a new connection is not refused
 * but replaces another one: otherwise clients that keep their connections open could lock out Prometheus.
 */
export class ConnectionLimits {
  readonly #connections = new Map<Socket, Connection>();
  readonly #guard: Guard;
  /** Runs while there is a response that is not read. */
  #unreadTimer: NodeJS.Timeout | undefined;

  constructor(server: Server, guard: Guard) {
    this.#guard = guard;
    server.on(
      'connection',
      guard('accept a scraper', (socket: Socket) => this.#accept(socket)),
    );
  }

  /**
   * Counts a request until its response is closed. Returns false if the request must not be answered because its connection
   * is closed: Node still emits requests that arrived in the same chunk.
   */
  requestStarted(socket: Socket, response: ServerResponse): boolean {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return false;

    if (connection.pendingRequests === LIMITS.pendingRequests) {
      this.#close(connection);
      return false;
    }
    if (connection.pendingRequests++ === 0) this.#setTimer(connection, LIMITS.responseTimeout);
    this.#unreadTimer ??= this.#after(LIMITS.pendingWritesTimeout, () => this.#closeAll());
    response.once('close', () => this.#responseClosed(connection));
    return true;
  }

  #accept(socket: Socket): void {
    socket.unref();
    if (this.#connections.size === LIMITS.connections) this.#close(connectionToEvict([...this.#connections.values()]));

    const connection: Connection = { socket, pendingRequests: 0, since: now(), timer: undefined };
    this.#connections.set(socket, connection);
    this.#setTimer(connection, LIMITS.headersTimeout);
    socket.once('close', () => this.#close(connection));
  }

  /** A response is written to the socket completely, or its connection is closed. */
  #responseClosed(connection: Connection): void {
    if (--connection.pendingRequests > 0 || !this.#connections.has(connection.socket)) return;

    this.#setTimer(connection, undefined);
    this.#stopTimerIfAllRead();
  }

  /** Closes the connection after this time. Undefined if it is idle, when Node's keep-alive timeout applies. */
  #setTimer(connection: Connection, milliseconds: number | undefined): void {
    connection.since = now();
    clearTimeout(connection.timer);
    connection.timer =
      milliseconds === undefined ? undefined : this.#after(milliseconds, () => this.#close(connection));
  }

  #close({ socket, timer }: Connection): void {
    this.#connections.delete(socket);
    clearTimeout(timer);
    socket.destroy();
    this.#stopTimerIfAllRead();
  }

  #closeAll(): void {
    for (const connection of [...this.#connections.values()]) this.#close(connection);
  }

  #stopTimerIfAllRead(): void {
    if (this.#unreadTimer === undefined || [...this.#connections.values()].some(isBusy)) return;

    clearTimeout(this.#unreadTimer);
    this.#unreadTimer = undefined;
  }

  #after(milliseconds: number, run: () => void): NodeJS.Timeout {
    return setTimeout(this.#guard('close a connection', run), milliseconds).unref();
  }
}

function isBusy({ pendingRequests }: Connection): boolean {
  return pendingRequests > 0;
}

/**
 * The connection that has been idle longest or, if more than half of them are busy, busy longest. So neither clients that
 * keep idle connections nor clients that do not read their responses can lock out others: a new connection stays open until
 * its request arrives, and a request until it is answered.
 */
function connectionToEvict(connections: readonly Connection[]): Connection {
  const busy = connections.filter(isBusy);
  const idle = connections.filter(connection => !isBusy(connection));
  return (busy.length > idle.length ? busy : idle).reduce((a, b) => (b.since < a.since ? b : a));
}
