// What listeners throw reaches the program's own handler, with the same origin, and the connection goes on the same way.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { inWords, listening, refusing, say } from '../kit.ts';

let heard = () => {};
process.on('uncaughtException', (error, origin) => {
  say('caught', inWords(error), origin);
  heard();
});
const caught = () => new Promise<void>(resolve => (heard = resolve));
const port = await listening(http.createServer((_, response) => response.end('ok')));
for (const event of ['lookup', 'connectionAttempt', 'connect', 'ready', 'data', 'end', 'close']) {
  const socket = net.connect(port, 'localhost');
  socket.on(event, () => {
    throw new Error(`by ${event}`);
  });
  socket.on(event, () => say('never: the next listener of', event));
  socket.on('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n')).resume();
  await caught();
  say(event, socket.destroyed, socket.connecting);
  if (!socket.closed) await once(socket.removeAllListeners(event).destroy(), 'close');
}
for (const event of ['socket', 'finish', 'response', 'close']) {
  const request = http.get({ port, host: '127.0.0.1', agent: false });
  request.on('response', response => response.resume()).on('error', error => say('request', inWords(error)));
  request.on(event, () => {
    throw new Error(`by request ${event}`);
  });
  await caught();
  say(event, request.destroyed, request.reusedSocket);
  if (!request.closed) await once(request.destroy(), 'close').catch(error => say(inWords(error)));
}
net.connect(await refusing(), '127.0.0.1');
await caught();
