import type { Socket } from 'node:net';
import { RenewedMap, RenewedSet } from '../core/renewed.ts';
import { addressesOf, haveSameAddresses } from '../core/socket-addresses.ts';
import type { Connection } from './connection.ts';

/**
 * The open connections that may be tunnels through a proxy: those for which a CONNECT request was sent, and those that no
 * HTTP client has used so far, because many agents write CONNECT to the socket themselves.
 *
 * They are found by the remote port. Of all connections to one port, only those whose tunnel is not ready yet are looked at.
 */
export class PendingTunnels {
  readonly #byPort = new RenewedMap<number, RenewedSet<Connection>>();
  /** Those for which a CONNECT request was sent. */
  readonly #requested = new RenewedSet<Connection>();

  /** The connection is open. */
  add(connection: Connection): void {
    const { port, tunnel } = connection;
    if (tunnel === 'requested') this.#requested.add(connection);
    if (port === undefined) return;

    let toPort = this.#byPort.get(port);
    if (toPort === undefined) {
      toPort = new RenewedSet();
      this.#byPort.set(port, toPort);
    }
    toPort.add(connection);
  }

  /** The connection is closed, or its tunnel is ready. */
  delete(connection: Connection): void {
    this.#requested.delete(connection);
    const { port } = connection;
    const toPort = port === undefined ? undefined : this.#byPort.get(port);
    if (toPort?.delete(connection) && toPort.size === 0) this.#byPort.delete(port as number);
  }

  /** The connection that this TLS socket is inside of. Both sockets have the same addresses. */
  around(socket: Socket): Connection | undefined {
    const addresses = addressesOf(socket);
    const { localPort, remotePort } = addresses;
    if (localPort === undefined || remotePort === undefined) return undefined;

    for (const connection of this.#byPort.get(remotePort) ?? NONE) {
      if (connection.socket === undefined || !isPending(connection)) this.delete(connection);
      else if (localPortOf(connection, connection.socket) === localPort) {
        if (haveSameAddresses(addressesOf(connection.socket), addresses)) return connection;
      }
    }
    return undefined;
  }

  /** A connection that its client has just destroyed, because the proxy refused the CONNECT request that was sent. */
  refused(): Connection | undefined {
    for (const connection of this.#requested) {
      if (connection.tunnel === 'requested' && isAbandoned(connection)) return connection;
    }
    return undefined;
  }

  /** The same for an agent that wrote CONNECT to the socket itself. `port`: that of its proxy. */
  refusedAt(port: number): Connection | undefined {
    for (const connection of this.#byPort.get(port) ?? NONE) {
      if (connection.tunnel === 'none' && isPending(connection) && isAbandoned(connection)) return connection;
    }
    return undefined;
  }
}

const NONE: Iterable<Connection> = [];

/** Whether the connection may still become a tunnel: no request but CONNECT was sent on it. */
export function isPending({ tunnel, requests, request }: Connection): boolean {
  return tunnel !== 'none' || (requests === 0 && request === undefined);
}

/** Whether the client destroyed the socket after the other side had sent something. 'close' is still to come. */
function isAbandoned({ socket }: Connection): boolean {
  return socket?.destroyed === true && socket.bytesRead > 0;
}

/** The local port is remembered, because each read of it is a system call. */
function localPortOf(connection: Connection, socket: Socket): number | undefined {
  connection.localPort ??= addressesOf(socket).localPort;
  return connection.localPort;
}
