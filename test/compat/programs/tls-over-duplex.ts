// TLS over a stream that wraps a socket, and over a pair of streams.
import { once } from 'node:events';
import net from 'node:net';
import { Duplex, duplexPair } from 'node:stream';
import tls from 'node:tls';
import { certificate, listen, print, printEvents } from '../program-helpers.ts';

const server = tls.createServer(certificate, socket => void socket.on('error', () => {}).pipe(socket));
const port = await listen(server);
const socket = net.connect(port, '127.0.0.1');
const wrapped = new Duplex({
  read: () => void socket.resume(),
  write: (chunk, _, done) => void socket.write(chunk, done),
  final: done => void socket.end(done),
});
socket.on('data', data => wrapped.push(data)).on('end', () => wrapped.push(null));
const [ours, theirs] = duplexPair();
server.emit('connection', theirs);
for (const [name, stream] of [
  ['wrapped', wrapped],
  ['pair', ours],
] as const) {
  const secure = tls.connect({ socket: stream, ca: certificate.cert, servername: 'localhost' });
  printEvents(name, secure, 'connect', 'secureConnect', 'session', 'end', 'close');
  await once(secure, 'secureConnect');
  secure.write('ping');
  print(name, String((await once(secure, 'data'))[0]), secure.authorized, secure.getProtocol());
  secure.destroy();
  await once(secure, 'close');
}
socket.destroy();
