// Listener limits that the program sets before and after it has the socket: the same warnings at the same listener.
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { eventLoopTurns, listen, print } from '../program-helpers.ts';

process.on('warning', ({ name, message }) => print(name, message));
async function fill(name: string, socket: net.Socket, count: number, ...events: string[]) {
  for (const event of events) {
    for (let i = 0; i < count; i++) socket.on(event, () => {});
    await eventLoopTurns(); // warnings appear before the next listener
    socket.on(event, () => print(name, event));
    await eventLoopTurns();
  }
  print(name, socket.getMaxListeners());
}
const port = await listen(net.createServer(socket => socket.resume()));
const before = new net.Socket().setMaxListeners(2);
before.on('close', () => {}).on('close', () => {});
before.connect(port, '127.0.0.1');
const same = net.connect(port, '127.0.0.1').setMaxListeners(4);
for (const event of ['timeout', 'end', 'close']) for (let i = 0; i < 3; i++) same.on(event, () => {});
await Promise.all([once(before, 'connect'), once(same, 'connect')]);
await fill('before', before, 1, 'close', 'timeout');
await fill('same', same, 1, 'timeout', 'end', 'close');
const later = net.connect(port, '127.0.0.1');
await once(later, 'connect');
await fill('by default', later, 10, 'close', 'timeout', 'data');
EventEmitter.defaultMaxListeners = 20;
await fill('by a new default', later, 9, 'close', 'timeout', 'data', 'error');
for (const socket of [before, same, later]) socket.destroy();
await eventLoopTurns(10);
