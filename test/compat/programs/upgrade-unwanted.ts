// Status 101 for a request without an `upgrade` listener, and a server that answers 426.
import http from 'node:http';
import { listen, printEvents } from '../program-helpers.ts';

const server = http.createServer((_, response) => response.writeHead(426).end());
const accepting = http.createServer().on('upgrade', (_, socket) => {
  socket.on('error', () => {});
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n');
});
for (const each of [server, accepting]) {
  const port = await listen(each);
  const request = http.get({ port, host: '127.0.0.1', headers: { connection: 'Upgrade', upgrade: 'x' } });
  printEvents('request', request, 'finish', 'response', 'error');
  request.on('response', response => printEvents('response', response.resume(), 'end', 'close'));
  await new Promise(resolve => request.on('close', resolve));
}
