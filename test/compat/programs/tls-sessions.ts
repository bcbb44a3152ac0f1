// TLS: session resumption, ALPN, server names.
import { once } from 'node:events';
import https from 'node:https';
import tls from 'node:tls';
import { certificate, listen, print, printEvents } from '../program-helpers.ts';

const server = tls.createServer(
  { ...certificate, ALPNProtocols: ['a', 'b'] },
  socket => void socket.on('error', () => {}).end('hi'),
);
const port = await listen(server);
const target = { port, host: '127.0.0.1', servername: 'localhost', ca: certificate.cert };
let session: Buffer | undefined;
for (const maxVersion of ['TLSv1.2', 'TLSv1.2', 'TLSv1.3'] as const) {
  const options = maxVersion === 'TLSv1.2' && session !== undefined ? { session } : {};
  const socket = tls.connect({ ...target, ...options, maxVersion, ALPNProtocols: ['b'] });
  printEvents(maxVersion, socket, 'lookup', 'connect', 'ready', 'secureConnect', 'end', 'close');
  socket.on('session', ticket => {
    session ??= ticket;
  });
  socket.on('secureConnect', () => print('resumed', socket.isSessionReused()));
  print(String(await socket.toArray()), socket.alpnProtocol, socket.getProtocol(), socket.authorized);
  if (!socket.closed) await once(socket, 'close');
}
const secure = await listen(https.createServer(certificate, (_, response) => response.end('ok')));
const agent = new https.Agent({ ca: certificate.cert, keepAlive: false, maxCachedSessions: 5 });
for (let i = 0; i < 3; i++) {
  const request = https.get({ port: secure, host: '127.0.0.1', agent });
  const [response] = await once(request, 'response');
  print(await response.setEncoding('utf8').toArray(), (request.socket as tls.TLSSocket).isSessionReused());
}
