// Sockets, destroyed or aborted at every stage of connecting.
import net from 'node:net';
import tls from 'node:tls';
import { certificate, describeError, listen, print, printEvents } from '../program-helpers.ts';

const port = await listen(net.createServer(socket => void socket.on('error', () => {})));
const tlsPort = await listen(tls.createServer(certificate, socket => void socket.on('error', () => {})));
const events = ['lookup', 'connectionAttempt', 'connect', 'ready', 'secureConnect', 'end', 'close'];
async function stage(name: string, socket: net.Socket, when: (socket: net.Socket) => void) {
  printEvents(name, socket, ...events);
  socket.on('error', error => print(name, describeError(error)));
  when(socket);
  await new Promise(resolve => socket.on('close', resolve));
  print(name, socket.destroyed, socket.connecting, socket.pending, socket.readyState);
}
const destroy = (event: string) => (socket: net.Socket) => void socket.once(event, () => socket.destroy());
await stage('at once', net.connect(port, 'localhost'), socket => void socket.destroy());
await stage('with an error', net.connect(port, 'localhost'), socket => void socket.destroy(new Error('no')));
for (const event of ['lookup', 'connect', 'ready']) {
  await stage(event, net.connect(port, 'localhost'), destroy(event));
}
await stage('next tick', net.connect(port, '127.0.0.1'), socket => process.nextTick(() => socket.destroy()));
await stage(
  'reset',
  net.connect(port, '127.0.0.1'),
  socket => void socket.on('connect', () => socket.resetAndDestroy()),
);
await stage('ended at once', net.connect(port, '127.0.0.1'), socket => void socket.resume().end());
const controller = new AbortController();
await stage('signal', new net.Socket({ signal: controller.signal }).connect(port, '127.0.0.1'), () =>
  controller.abort(),
);
for (const event of ['connect', 'secureConnect']) {
  await stage(`tls ${event}`, tls.connect({ port: tlsPort, host: '127.0.0.1', ca: certificate.cert }), destroy(event));
}
