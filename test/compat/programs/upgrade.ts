// A custom protocol after status 101: the program gets the socket, with the data that followed the headers.
import { once } from 'node:events';
import http from 'node:http';
import { listen, print, printEvents } from '../program-helpers.ts';

const server = http.createServer();
server.on('upgrade', (_, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello');
  socket.pipe(socket);
});
const port = await listen(server);
const request = http.get({ port, host: '127.0.0.1', headers: { connection: 'Upgrade', upgrade: 'echo' } });
printEvents('request', request, 'socket', 'finish', 'response', 'close');
const [response, socket, head] = await once(request, 'upgrade');
print(response.statusCode, String(head), socket.listenerCount('data'), socket.listenerCount('error'));
printEvents('socket', socket, 'end', 'close');
socket.setEncoding('utf8').end('ping');
print(await socket.toArray());
