import type { Socket } from 'node:net';
import { RenewedMap } from '../core/renewed.ts';
import { addressesOf, type SocketAddresses } from '../core/socket-addresses.ts';
import type { ServedConnection } from './served-connection.ts';

/** Applies the result of a handshake to its connection. `clientLeft`: the client reset the connection before the result. */
export type HandshakeResult = (connection: ServedConnection, clientLeft: boolean) => void;

/** What one server waits for. */
interface Waiting {
  /** Accepted connections by their addresses. A list, because all connections to a Unix socket have the same addresses. The oldest comes first. */
  readonly byAddresses: RenewedMap<string, ServedConnection[]>;
  count: number;
  /** Results of connections that are not closed yet, and closed connections without a result. At most one of them has entries. */
  readonly results: HandshakeResult[];
  readonly closed: ServedConnection[];
}

/**
 * Finds the accepted connection of a TLS socket. A TLS server wraps each accepted socket in a second one, and reports the
 * result of the handshake on that. Nothing public links the two, but they have the same addresses.
 *
 * A connection that the client has reset has no addresses any more. Its result and its close come within a few turns of the
 * event loop, in either order. The results and closes of one server are paired in the order in which they come. If two
 * connections are reset at the same time, their results may be swapped, which changes no count.
 */
export class PendingHandshakes {
  readonly #waiting = new WeakMap<object, Waiting>();

  add(connection: ServedConnection): void {
    const waiting = this.#waitingOf(connection.server);
    connection.addresses = keyOf(addressesOf(connection.socket));
    const pending = waiting.byAddresses.get(connection.addresses);
    if (pending === undefined) waiting.byAddresses.set(connection.addresses, [connection]);
    else pending.push(connection);
    waiting.count++;
  }

  /**
   * A server reports the result of a handshake. It is applied now, or when the connection is closed. Returns false if the
   * connection was accepted before connmeter started.
   */
  settle(tlsSocket: Socket, server: object, result: HandshakeResult): boolean {
    const { byAddresses, count, results, closed } = this.#waitingOf(server);
    const addresses = addressesOf(tlsSocket);
    const isReset = addresses.remoteAddress === undefined;
    const left = isReset ? closed.shift() : undefined;
    const connection = left ?? byAddresses.get(keyOf(addresses))?.[0];
    if (connection !== undefined) result(connection, left !== undefined);
    else if (isReset && results.length < count) results.push(result);
    else return false;

    return true;
  }

  /** A connection was closed without a result. Takes the result that came before, or waits for the next one. */
  closed(connection: ServedConnection): HandshakeResult | undefined {
    const { results, closed } = this.#waitingOf(connection.server);
    const result = results.shift();
    if (result === undefined) closed.push(connection);
    return result;
  }

  delete(connection: ServedConnection): void {
    const { addresses = '', server } = connection; // a closed socket no longer has them
    const waiting = this.#waitingOf(server);
    const pending = waiting.byAddresses.get(addresses) ?? [];
    const others = pending.filter(each => each !== connection);
    waiting.count -= pending.length - others.length;
    if (others.length > 0) waiting.byAddresses.set(addresses, others);
    else waiting.byAddresses.delete(addresses);
    if (waiting.closed.includes(connection)) waiting.closed.splice(waiting.closed.indexOf(connection), 1);
    waiting.results.length = Math.min(waiting.results.length, waiting.count);
  }

  #waitingOf(server: object): Waiting {
    let waiting = this.#waiting.get(server);
    if (waiting === undefined) {
      waiting = { byAddresses: new RenewedMap(), count: 0, results: [], closed: [] };
      this.#waiting.set(server, waiting);
    }
    return waiting;
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: SocketAddresses): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
