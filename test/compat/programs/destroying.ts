// destroySoon, resetAndDestroy, end with data, destroy during a write: flushed data, and the events that follow.
import { once } from 'node:events';
import net from 'node:net';
import { describeError, listen, print, printEvents } from '../program-helpers.ts';

const server = net.createServer({ allowHalfOpen: false }, socket => void socket.resume().on('error', () => {}));
const port = await listen(server);
const ways: [string, (socket: net.Socket) => unknown][] = [
  ['destroySoon', socket => [socket.write('x'), socket.destroySoon()]],
  ['resetAndDestroy', socket => socket.resetAndDestroy()],
  ['end', socket => socket.end('bye')],
  ['destroy in write', socket => socket.write('x', () => socket.destroy())],
  ['destroy twice', socket => socket.destroy().destroy(new Error('late'))],
  ['error', socket => socket.destroy(new Error('mine'))],
  ['write after end', socket => [socket.end(), socket.write('late')]],
  [
    'write after destroy',
    socket => [socket.destroy(), socket.write('late', error => print('callback', describeError(error)))],
  ],
  ['asyncDispose', socket => socket[Symbol.asyncDispose]().catch(error => print(describeError(error)))],
];
for (const [name, end] of ways) {
  const socket = net.connect(port, '127.0.0.1');
  printEvents(name, socket, 'end', 'finish', 'error', 'close');
  await once(socket, 'connect');
  const closed = new Promise(resolve => socket.on('close', resolve));
  end(socket.resume());
  await closed;
  print(name, socket.bytesWritten, socket.writableFinished, socket.readableAborted, describeError(socket.errored));
}
