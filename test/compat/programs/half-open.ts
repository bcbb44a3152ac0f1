// A client that keeps writing after the server has ended its side.
import { once } from 'node:events';
import net from 'node:net';
import { listen, print, printEvents } from '../program-helpers.ts';

const server = net.createServer({ allowHalfOpen: true }, socket => {
  socket.end('bye');
  socket.setEncoding('utf8').on('data', data => print('server heard', data));
});
const port = await listen(server);
for (const allowHalfOpen of [true, false]) {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen });
  printEvents('client', socket, 'connect', 'ready', 'data', 'end', 'finish', 'close');
  socket.resume();
  await once(socket, 'end');
  print('writable', socket.writable, socket.readyState, socket.allowHalfOpen);
  if (allowHalfOpen) socket.end('still here');
  await once(socket, 'close');
  print('destroyed', socket.destroyed, socket.bytesWritten, socket.bytesRead);
}
