// HTTP/2 over TLS: made by ALPN, over a socket of the program's own, and to a server that only speaks HTTP/1.1.
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import tls from 'node:tls';
import { certificate, inWords, listening, say, tell } from '../kit.ts';

const server = http2.createSecureServer(certificate, (_, response) => void response.end('two'));
const port = await listening(server);
const old = await listening(https.createServer(certificate, (_, response) => response.end('one')));
const own = () => tls.connect({ port, host: '127.0.0.1', ca: certificate.cert, ALPNProtocols: ['h2'] });
const cases: [string, number, http2.SecureClientSessionOptions][] = [
  ['alpn', port, {}],
  ['own socket', port, { createConnection: own }],
  ['old server', old, {}],
];
for (const [name, target, options] of cases) {
  const session = http2.connect(`https://localhost:${target}`, { ca: certificate.cert, ...options });
  tell(name, session, 'connect', 'error', 'close');
  const stream = session.request({ ':path': '/' });
  stream
    .on('error', error => say(name, 'stream', inWords(error)))
    .on('response', headers => say(name, headers[':status']));
  stream.setEncoding('utf8').on('data', data => say(name, data));
  await new Promise(resolve => stream.on('close', resolve));
  session.close();
  if (!session.destroyed) await once(session, 'close').catch(() => {});
}
