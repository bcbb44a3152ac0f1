import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Tracks all client sockets of this process. Returns a function that counts those still open in Node, by remote port. */
export function trackOpenSockets(): () => Record<number, number> {
  const open = new Map<Socket, number>();
  subscribe('net.client.socket', message => {
    const { socket } = message as { socket: Socket };
    let port: number | undefined;
    socket.on('connectionAttempt', (_address: string, dialled?: number) => {
      port = dialled;
    });
    socket.on('connect', () => {
      if (port !== undefined) open.set(socket, port); // else it is no TCP socket
    });
    socket.on('close', () => void open.delete(socket));
  });
  return () => {
    const counts: Record<number, number> = {};
    for (const port of open.values()) counts[port] = (counts[port] ?? 0) + 1;
    return counts;
  };
}
