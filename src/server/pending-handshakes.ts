import type { Socket } from 'node:net';
import { addressesOf } from '../core/socket-addresses.ts';
import type { ServedConnection } from './served-connection.ts';

/**
 * Finds the accepted connection of a TLS socket. A TLS server wraps each accepted socket in a second one, and reports the
 * result of the handshake on that. Nothing public links the two, but they have the same addresses.
 */
export class PendingHandshakes {
  /** A list, because all connections to a Unix socket have the same addresses. The oldest comes first. */
  readonly #byAddresses = new Map<string, ServedConnection[]>();

  add(connection: ServedConnection): void {
    connection.addresses = keyOf(connection.socket);
    const pending = this.#byAddresses.get(connection.addresses);
    if (pending === undefined) this.#byAddresses.set(connection.addresses, [connection]);
    else pending.push(connection);
  }

  /** Undefined if the connection was accepted before connmeter started. */
  find(tlsSocket: Socket): ServedConnection | undefined {
    return this.#byAddresses.get(keyOf(tlsSocket))?.[0];
  }

  delete(connection: ServedConnection): void {
    const { addresses = '' } = connection; // a closed socket no longer has them
    const pending = this.#byAddresses.get(addresses)?.filter(each => each !== connection) ?? [];
    if (pending.length > 0) this.#byAddresses.set(addresses, pending);
    else this.#byAddresses.delete(addresses);
  }
}

function keyOf(socket: Socket): string {
  const { remoteAddress, remotePort, localAddress, localPort } = addressesOf(socket);
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
