// connect with invalid arguments throws the same errors, and leaves the socket unchanged.
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { describeError, print } from '../program-helpers.ts';

const wrong: [string, () => unknown][] = [
  ['port', () => net.connect({ port: 70_000 })],
  ['no port', () => net.connect({} as never)],
  ['lookup', () => net.connect({ port: 1, host: 'a.test', lookup: 1 as never })],
  ['family', () => net.connect({ port: 1, host: 'localhost', family: 9 })],
  ['localAddress', () => net.connect({ port: 1, host: '127.0.0.1', localAddress: 'nowhere' })],
  ['localPort', () => net.connect({ port: 1, host: '127.0.0.1', localPort: 'x' as never })],
  ['timeout', () => net.connect({ port: 1, host: '127.0.0.1', timeout: -1 })],
  ['path', () => net.connect({ path: 1 as never })],
  ['tls ca', () => tls.connect({ port: 1, host: '127.0.0.1', ca: 'no certificate' })],
  ['tls version', () => tls.connect({ port: 1, host: '127.0.0.1', minVersion: 'TLSv9' as never })],
  ['protocol', () => http.get('https://127.0.0.1/')],
  ['path', () => http.get({ path: '/a b' })],
  ['method', () => http.request({ method: 'A B' })],
  ['header', () => http.request({ headers: { 'a b': 'c' } })],
  ['agent', () => http.request({ agent: 1 as never })],
  ['signal', () => http.request({ signal: {} as never })],
];
for (const [name, run] of wrong) {
  try {
    const made = run() as net.Socket;
    made.on('error', error => print(name, 'emits', describeError(error))).destroy();
    print(name, 'does not throw');
  } catch (error) {
    print(name, 'throws', describeError(error));
  }
}
const socket = new net.Socket();
try {
  socket.connect({ port: -1 });
} catch {
  print(socket.connecting, socket.destroyed, socket.pending, socket.readyState);
}
