// HTTP/2 over TLS: by ALPN, over the program's own socket, and to a server that only supports HTTP/1.1.
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import tls from 'node:tls';
import { certificate, describeError, listen, print, printEvents } from '../program-helpers.ts';

const server = http2.createSecureServer(certificate, (_, response) => void response.end('two'));
const port = await listen(server);
const old = await listen(https.createServer(certificate, (_, response) => response.end('one')));
const own = () => tls.connect({ port, host: '127.0.0.1', ca: certificate.cert, ALPNProtocols: ['h2'] });
const cases: [string, number, http2.SecureClientSessionOptions][] = [
  ['alpn', port, {}],
  ['own socket', port, { createConnection: own }],
  ['old server', old, {}],
];
for (const [name, target, options] of cases) {
  const session = http2.connect(`https://localhost:${target}`, { ca: certificate.cert, ...options });
  printEvents(name, session, 'connect', 'error', 'close');
  const stream = session.request({ ':path': '/' });
  stream
    .on('error', error => print(name, 'stream', describeError(error)))
    .on('response', headers => print(name, headers[':status']));
  stream.setEncoding('utf8').on('data', data => print(name, data));
  await new Promise(resolve => stream.on('close', resolve));
  session.close();
  if (!session.destroyed) await once(session, 'close').catch(() => {});
}
