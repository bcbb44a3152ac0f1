// keeps-sockets.ts: is sent sockets, keeps them open, and answers each with a message. Exits when it is disconnected.
import type { Socket } from 'node:net';

const sockets: Socket[] = [];
process.on('message', (_message, socket: Socket) => {
  sockets.push(socket.on('error', () => {}).resume());
  process.send?.('kept');
});
process.on('disconnect', () => process.exit());
