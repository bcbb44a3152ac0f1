import type { Socket } from 'node:net';

/**
 * Whether an HTTP/1 server has handed a connection over to the program, for an upgrade (WebSocket) or a `CONNECT` tunnel. The
 * only public sign is an event that must not be listened to: see `source.ts`. So this reads an undocumented property, and
 * never writes it: Node sets `socket.parser` when it accepts a connection, and to null when it hands the connection over. In a
 * version of Node without that property, the answer is undefined.
 */
export function isHandedOver(socket: Socket): boolean | undefined {
  const { parser } = socket as { parser?: unknown };
  return parser === undefined ? undefined : parser === null;
}
