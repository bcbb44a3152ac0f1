// One socket object that connects again and again, to where it is answered and where not.
import { once } from 'node:events';
import net from 'node:net';
import { inWords, listening, refusing, say, tell } from '../kit.ts';

const port = await listening(net.createServer(socket => void socket.on('error', () => {}).end('hi')));
const refused = await refusing();
const socket = new net.Socket();
tell('socket', socket, 'connectionAttempt', 'connect', 'ready', 'end', 'close');
socket.on('error', error => say(inWords(error)));
socket.setEncoding('utf8').on('data', data => say('data', data));
for (const target of [port, refused, port, refused, refused, port]) {
  const closed = new Promise(resolve => socket.once('close', resolve));
  socket.connect(target, '127.0.0.1');
  say(socket.connecting, socket.pending, socket.destroyed);
  await closed;
}
const again = net.connect(port, '127.0.0.1');
await once(again, 'connect');
again.connect(port, '127.0.0.1', () => say('connected while connected'));
again.resume();
await once(again, 'close');
say(socket.listenerCount('data'), again.listenerCount('connect'));
