import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Guard } from '../core/guard.ts';

/** What clients of the metrics server may take at most. Durations are in milliseconds. */
export const LIMITS = {
  /** Two or three Prometheus servers and a few people with curl. */
  connections: 16,
  /** Requests of one connection. A scraper waits for each answer before it asks again. */
  unanswered: 4,
  /** For the first request of a connection to arrive. */
  headersWithin: 5_000,
  /** For all answers asked for to be read. Prometheus itself gives a scrape up after 10 s, unless configured otherwise. */
  answerReadWithin: 8_000,
  /**
   * For there to be any unread answer at all; then all connections are closed. The unfinished write keeps the event loop
   * running, though its socket does not, so clients that take turns could keep a program from ending.
   */
  unreadFor: 10_000,
} as const;

// Taken before any program can replace them by fakes.
const now = performance.now.bind(performance);
const later = setTimeout;
const cancel = clearTimeout;

interface Connection {
  readonly socket: Socket;
  unanswered: number;
  /** Since when it has been idle, or has not been. */
  since: number;
  /** Closes the connection unless it does in time what it has to do next. */
  deadline: NodeJS.Timeout | undefined;
}

/**
 * Bounds how many connections the server has, and what each of them may take. One connection too many is not refused: it
 * closes another, or whoever holds connections could keep Prometheus out.
 */
export class ConnectionLimits {
  readonly #connections = new Map<Socket, Connection>();
  readonly #guard: Guard;
  /** Runs while there is an answer that is not read. */
  #unreadTimer: NodeJS.Timeout | undefined;

  constructor(server: Server, guard: Guard) {
    this.#guard = guard;
    server.on(
      'connection',
      guard('accept a scraper', (socket: Socket) => this.#accept(socket)),
    );
  }

  /**
   * Notes that a request has come, and follows its response. False where the request is not to be answered, because its
   * connection is closed: Node goes on with the requests that came in the same piece.
   */
  requestStarted(socket: Socket, response: ServerResponse): boolean {
    const connection = this.#connections.get(socket);
    if (connection === undefined) return false;

    if (connection.unanswered === LIMITS.unanswered) {
      this.#close(connection);
      return false;
    }
    if (connection.unanswered++ === 0) this.#wait(connection, LIMITS.answerReadWithin);
    this.#unreadTimer ??= this.#after(LIMITS.unreadFor, () => this.#closeAll());
    response.once('close', () => this.#responseClosed(connection));
    return true;
  }

  #accept(socket: Socket): void {
    socket.unref();
    if (this.#connections.size === LIMITS.connections) this.#close(connectionToEvict([...this.#connections.values()]));

    const connection: Connection = { socket, unanswered: 0, since: now(), deadline: undefined };
    this.#connections.set(socket, connection);
    this.#wait(connection, LIMITS.headersWithin);
    socket.once('close', () => this.#close(connection));
  }

  /** A response is over: all of it is handed to the system, or its connection is closed. */
  #responseClosed(connection: Connection): void {
    if (--connection.unanswered > 0 || !this.#connections.has(connection.socket)) return;

    this.#wait(connection, undefined);
    this.#stopTimerIfAllRead();
  }

  /** Begins a time of waiting for the client; or one of idleness, which Node's keep-alive timeout ends. */
  #wait(connection: Connection, milliseconds: number | undefined): void {
    connection.since = now();
    cancel(connection.deadline);
    connection.deadline =
      milliseconds === undefined ? undefined : this.#after(milliseconds, () => this.#close(connection));
  }

  #close({ socket, deadline }: Connection): void {
    this.#connections.delete(socket);
    cancel(deadline);
    socket.destroy();
    this.#stopTimerIfAllRead();
  }

  #closeAll(): void {
    for (const connection of [...this.#connections.values()]) this.#close(connection);
  }

  #stopTimerIfAllRead(): void {
    if (this.#unreadTimer === undefined || [...this.#connections.values()].some(isWaiting)) return;

    cancel(this.#unreadTimer);
    this.#unreadTimer = undefined;
  }

  #after(milliseconds: number, run: () => void): NodeJS.Timeout {
    return later(this.#guard('close a connection', run), milliseconds).unref();
  }
}

function isWaiting({ unanswered }: Connection): boolean {
  return unanswered > 0;
}

/**
 * The one that has been idle longest; where more than half of them wait for an answer, the one that has waited longest.
 * So neither who holds connections nor who asks and does not read keeps others out: there is room for a new connection
 * until its request is read, and for a request until it is answered.
 */
function connectionToEvict(connections: readonly Connection[]): Connection {
  const waiting = connections.filter(isWaiting);
  const idle = connections.filter(connection => !isWaiting(connection));
  return (waiting.length > idle.length ? waiting : idle).reduce((a, b) => (b.since < a.since ? b : a));
}
