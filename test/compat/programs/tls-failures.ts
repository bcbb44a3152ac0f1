// Failing TLS handshakes: an untrusted certificate, a wrong name, the program's own check.
import tls from 'node:tls';
import { certificate, describeError, listen, print, printEvents } from '../program-helpers.ts';

const server = tls.createServer({ ...certificate, minVersion: 'TLSv1.3' }, socket => void socket.on('error', () => {}));
const port = await listen(server);
const failing: [string, tls.ConnectionOptions][] = [
  ['untrusted', { ca: [] }],
  ['wrong name', { servername: 'other.test' }],
  ['own check', { checkServerIdentity: () => new Error('not who I meant') }],
  ['old version', { maxVersion: 'TLSv1.2' }],
];
for (const [name, options] of failing) {
  const socket = tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca: certificate.cert, ...options });
  printEvents(name, socket, 'connect', 'ready', 'secureConnect', 'end', 'close');
  socket.on('error', error => print(name, describeError(error), describeError(socket.authorizationError)));
  await new Promise(resolve => socket.resume().on('close', resolve));
  print(name, socket.authorized);
}
const allowed = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
await new Promise<void>(resolve => allowed.on('secureConnect', resolve));
print('allowed', allowed.authorized, allowed.authorizationError, allowed.encrypted);
allowed.destroy();
