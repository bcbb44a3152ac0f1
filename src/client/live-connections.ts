import type { Socket } from 'node:net';
import type { Guard } from '../core/guard.ts';
import { RenewedMap } from '../core/renewed.ts';
import { RotatingCheck } from '../core/rotating-check.ts';
import type { Connection } from './connection.ts';
import type { ConnectionStates } from './connection-states.ts';

/**
 * The connections that were attempted and are not closed, found by their socket, by an HTTP/2 session on it, or by a TLS
 * socket inside a tunnel.
 *
 * The map is not weak, because weak entries cost the garbage collector more than everything else a new connection needs. A
 * connection leaves it when it closes, or at the end of the turn if it never began. If the program removed our listeners,
 * the close is found by a check of a few connections at each attempt, or at the next collection.
 */
export class LiveConnections {
  readonly #bySocket = new RenewedMap<object, Connection>();
  /** Sessions, TLS sockets inside tunnels, and sockets that were opened before connmeter started. */
  readonly #aliases = new WeakMap<object, Connection>();
  readonly #closeIfClosed: (connection: Connection) => void;
  readonly #closeCheck: RotatingCheck<Connection>;

  /** `close` is called for a connection whose close was not seen. */
  constructor(states: ConnectionStates, guard: Guard, close: (connection: Connection) => void) {
    this.#closeIfClosed = guard('connection', (connection: Connection) => {
      if (states.isClosed(connection)) close(connection);
    });
    this.#closeCheck = new RotatingCheck(this.#closeIfClosed);
  }

  get size(): number {
    return this.#bySocket.size;
  }

  /** The oldest first. */
  [Symbol.iterator](): Iterator<Connection> {
    return this.#bySocket.values();
  }

  /** The connection of this socket itself, if it is live. */
  get(socket: object): Connection | undefined {
    return this.#bySocket.get(socket);
  }

  /** The connection of a socket, a session, or a TLS socket inside a tunnel. */
  find(socketOrSession: object): Connection | undefined {
    return this.#bySocket.get(socketOrSession) ?? this.#aliases.get(socketOrSession);
  }

  /** The connection of a session that was seen before. */
  ofSession(session: object): Connection | undefined {
    return this.#aliases.get(session);
  }

  add(socket: Socket, connection: Connection): void {
    this.#bySocket.set(socket, connection);
    this.#closeCheck.add(connection);
  }

  addAlias(socketOrSession: object, connection: Connection): void {
    this.#aliases.set(socketOrSession, connection);
  }

  delete(connection: Connection): void {
    if (connection.socket !== undefined) this.#bySocket.delete(connection.socket);
    this.#closeCheck.delete(connection);
  }

  /** Closes a few connections whose close was not seen, in the same time for any number of connections. */
  closeSome(): void {
    this.#closeCheck.checkSome();
  }

  /** Closes all connections whose close was not seen. */
  closeAll(): void {
    for (const connection of this.#bySocket.values()) this.#closeIfClosed(connection);
  }
}
