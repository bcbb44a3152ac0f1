// A protocol of its own after 101: the socket is the program's, with what came along behind the headers.
import { once } from 'node:events';
import http from 'node:http';
import { listening, say, tell } from '../kit.ts';

const server = http.createServer();
server.on('upgrade', (_, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\nhello');
  socket.pipe(socket);
});
const port = await listening(server);
const request = http.get({ port, host: '127.0.0.1', headers: { connection: 'Upgrade', upgrade: 'echo' } });
tell('request', request, 'socket', 'finish', 'response', 'close');
const [response, socket, head] = await once(request, 'upgrade');
say(response.statusCode, String(head), socket.listenerCount('data'), socket.listenerCount('error'));
tell('socket', socket, 'end', 'close');
socket.setEncoding('utf8').end('ping');
say(await socket.toArray());
