import type { Socket } from 'node:net';

/** The local and remote address of a socket. */
export type SocketAddresses = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>;

/**
 * Returns an object whose getters read the addresses of a socket without changing the socket. Node caches an address on the
 * object it is read from. On the socket itself, the cached address would still be there after the close, when it is
 * `undefined` otherwise. On this object, which inherits from the socket, it is not visible to the program.
 */
export function addressesOf(socket: Socket): SocketAddresses {
  return Object.create(socket) as SocketAddresses;
}

export function haveSameAddresses(one: SocketAddresses, other: SocketAddresses): boolean {
  return (
    one.localPort === other.localPort &&
    one.remotePort === other.remotePort &&
    one.remoteAddress === other.remoteAddress &&
    one.localAddress === other.localAddress
  );
}
