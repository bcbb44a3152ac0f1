// One socket object that connects repeatedly, to listening and to refusing ports.
import { once } from 'node:events';
import net from 'node:net';
import { describeError, freePort, listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(net.createServer(socket => void socket.on('error', () => {}).end('hi')));
const refused = await freePort();
const socket = new net.Socket();
printEvents('socket', socket, 'connectionAttempt', 'connect', 'ready', 'end', 'close');
socket.on('error', error => print(describeError(error)));
socket.setEncoding('utf8').on('data', data => print('data', data));
for (const target of [port, refused, port, refused, refused, port]) {
  const closed = new Promise(resolve => socket.once('close', resolve));
  socket.connect(target, '127.0.0.1');
  print(socket.connecting, socket.pending, socket.destroyed);
  await closed;
}
const again = net.connect(port, '127.0.0.1');
await once(again, 'connect');
again.connect(port, '127.0.0.1', () => print('connected while connected'));
again.resume();
await once(again, 'close');
print(socket.listenerCount('data'), again.listenerCount('connect'));
