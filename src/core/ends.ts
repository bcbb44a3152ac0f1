import type { Socket } from 'node:net';

/** The addresses of both ends of a socket. */
export type SocketAddresses = Pick<Socket, 'localAddress' | 'localPort' | 'remoteAddress' | 'remotePort'>;

/**
 * Shows the addresses of a socket without a trace. Node stores an address on the socket when it is first read, and then
 * reports it after the close as well, where it is undefined otherwise. Read on an object that inherits from the socket,
 * it is stored on that object.
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
