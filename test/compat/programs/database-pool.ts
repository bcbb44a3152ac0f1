// A socket pool like those of database clients: one query per socket, a queue, broken sockets replaced.
import { once } from 'node:events';
import net from 'node:net';
import { describeError, listen, print } from '../program-helpers.ts';

const server = net.createServer(socket => {
  socket.on('error', () => {});
  socket.on('data', data => (String(data).includes('die') ? socket.destroy() : socket.write(`row ${data}`)));
});
const port = await listen(server);
const idle: net.Socket[] = [];
const waiting: ((socket: net.Socket) => void)[] = [];
let made = 0;
async function acquire(): Promise<net.Socket> {
  const free = idle.pop();
  if (free !== undefined) return free;
  if (made === 2) return new Promise(resolve => waiting.push(resolve));
  made++;
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true).setKeepAlive(true, 1000);
  await once(socket, 'connect');
  socket.once('close', () => made--);
  return socket;
}
async function query(text: string) {
  const socket = await acquire();
  socket.ref().write(text);
  const answer = await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(error => [
    describeError(error),
  ]);
  const next = waiting.shift();
  if (socket.destroyed) next?.(await acquire());
  else if (next !== undefined) next(socket);
  else idle.push(socket.unref());
  return String(answer[0]);
}
print((await Promise.all(['a', 'b', 'c', 'd', 'e'].map(query))).toSorted());
print(await query('die'), made, await query('after'));
print(idle.map(socket => [socket.bytesRead > 0, socket.listenerCount('data'), socket.readyState]));
for (const socket of idle) socket.destroy();
