// Listener limits of servers and accepted sockets: the same warnings at the same listener.
import { EventEmitter } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { certificate, eventLoopTurns, listen, print } from '../program-helpers.ts';

process.on('warning', ({ name, message }) => print(name, message));
/** Adds listeners one by one, until they exceed every limit. */
async function fill(name: string, emitter: EventEmitter, ...events: string[]) {
  for (let i = 1; i <= 14; i++) {
    for (const event of events) emitter.on(event, () => {});
    await eventLoopTurns();
    print(name, i, emitter.getMaxListeners());
  }
}
const servers = { net: net.createServer(), http: http.createServer(), tls: tls.createServer(certificate) };
for (const [name, server] of Object.entries(servers)) {
  const event = name === 'tls' ? 'secureConnection' : 'connection';
  const accepted = new Promise<net.Socket>(resolve => {
    server.once(event, socket => {
      for (const each of ['end', 'close', 'timeout']) for (let i = 0; i < 3; i++) socket.on(each, () => {});
      resolve(socket.setMaxListeners(7));
    });
  });
  const port = await listen(server);
  const options = { port, host: '127.0.0.1', ca: certificate.cert };
  const client = name === 'tls' ? tls.connect(options) : net.connect(options);
  await fill(`${name} accepted`, await accepted, 'end', 'close', 'timeout', 'error');
  client.destroy();
  await fill(`${name} server`, server, event, 'drop', 'tlsClientError');
}
EventEmitter.defaultMaxListeners = 20;
for (const [name, server] of Object.entries(servers)) await fill(name, server, 'secureConnection', 'drop');
