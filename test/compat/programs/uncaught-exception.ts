// Errors thrown by listeners reach the program's handler with the same origin, and the connection continues the same way.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { describeError, freePort, listen, print } from '../program-helpers.ts';

let heard = () => {};
process.on('uncaughtException', (error, origin) => {
  print('caught', describeError(error), origin);
  heard();
});
const caught = () => new Promise<void>(resolve => (heard = resolve));
const port = await listen(http.createServer((_, response) => response.end('ok')));
for (const event of ['lookup', 'connectionAttempt', 'connect', 'ready', 'data', 'end', 'close']) {
  const socket = net.connect(port, 'localhost');
  socket.on(event, () => {
    throw new Error(`by ${event}`);
  });
  socket.on(event, () => print('never: the next listener of', event));
  socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n')).resume();
  await caught();
  print(event, socket.destroyed, socket.connecting);
  if (!socket.closed) await once(socket.removeAllListeners(event).destroy(), 'close');
}
for (const event of ['socket', 'finish', 'response', 'close']) {
  const request = http.get({ port, host: '127.0.0.1', agent: false });
  request.on('response', response => response.resume()).on('error', error => print('request', describeError(error)));
  request.on(event, () => {
    throw new Error(`by request ${event}`);
  });
  await caught();
  print(event, request.destroyed, request.reusedSocket);
  if (!request.closed) await once(request.destroy(), 'close').catch(error => print(describeError(error)));
}
net.connect(await freePort(), '127.0.0.1');
await caught();
