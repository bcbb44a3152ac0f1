// CONNECT through a proxy, then TLS over the tunnel's socket.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { certificate, listen, print, printEvents } from '../program-helpers.ts';

const target = await listen(https.createServer(certificate, (_, response) => response.end('inside')));
const proxy = http.createServer().on('connect', (_, socket) => {
  const onward = net.connect(target, '127.0.0.1', () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.pipe(onward).pipe(socket);
  });
  onward.unref().on('error', () => {});
  socket.on('error', () => {});
});
const port = await listen(proxy);
const connecting = http.request({ port, host: '127.0.0.1', method: 'CONNECT', path: `localhost:${target}` }).end();
printEvents('connecting', connecting, 'socket', 'finish', 'response', 'close');
const [, socket] = await once(connecting, 'connect');
const secure = tls.connect({ socket, servername: 'localhost', ca: certificate.cert });
printEvents('secure', secure, 'lookup', 'connect', 'secureConnect', 'session', 'end', 'close');
const request = http.get({ createConnection: () => secure, headers: { host: 'localhost' } });
const [response] = await once(request, 'response');
print(await response.setEncoding('utf8').toArray(), secure.authorized);
secure.end();
await once(secure, 'close');
