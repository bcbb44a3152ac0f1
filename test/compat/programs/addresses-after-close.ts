// Addresses of a socket after its close: undefined, except those that the program read while it was open.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { certificate, eventLoopTurns, listen, print } from '../program-helpers.ts';

function tellAtClose(name: string, socket: net.Socket) {
  const keys = Object.keys(socket).length;
  socket.on('close', () => {
    print(name, socket.remoteAddress, socket.remoteFamily, socket.localAddress, Object.keys(socket).length === keys);
  });
}
const secure = tls.createServer(certificate, socket => {
  tellAtClose('secured', socket);
  socket.on('error', () => {}).end('hello');
});
secure.on('connection', socket => tellAtClose('accepted', socket));
const port = await listen(secure);
const options = { port, host: '127.0.0.1', ca: certificate.cert };
for (const read of [false, true]) {
  const socket = tls.connect(options).resume();
  await once(socket, 'secureConnect');
  if (read) print('read', socket.remoteAddress);
  tellAtClose('client', socket);
  await once(socket, 'close');
  await eventLoopTurns();
}
// Through a tunnel, whose connection connmeter looks up.
const carrying = net.connect(port, '127.0.0.1');
tellAtClose('carrying', carrying);
await once(carrying, 'connect');
const inner = tls.connect({ ...options, socket: carrying });
tellAtClose('inner', inner);
await once(inner, 'secureConnect');
const request = http.get({ createConnection: () => inner, host: 'a.test', agent: undefined });
request.on('error', ({ message }) => print(message));
await once(carrying, 'close');
await eventLoopTurns(10);
