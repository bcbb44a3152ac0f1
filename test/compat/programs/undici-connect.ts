// undici over sockets that the program creates: plain, TLS, and none.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { Client } from 'undici';
import { certificate, describeError, listen, print } from '../program-helpers.ts';

const port = await listen(http.createServer((_, response) => response.end('plain')));
const secure = await listen(https.createServer(certificate, (_, response) => response.end('secure')));
type Done = (error: Error | null, socket: net.Socket | null) => void;
const ways: Record<string, (done: Done) => unknown> = {
  http: done => {
    const socket = net.connect(port, '127.0.0.1').on('connect', () => done(null, socket));
  },
  https: done => {
    const socket = tls.connect({ port: secure, host: '127.0.0.1', ca: certificate.cert });
    socket.on('secureConnect', () => done(null, socket));
  },
  'http:': done => setImmediate(() => done(new Error('no way'), null)),
};
for (const [protocol, connect] of Object.entries(ways)) {
  const client = new Client(`${protocol.replace(':', '')}://localhost`, {
    connect: (_, done) => void connect(done as Done),
  });
  client
    .on('connect', () => print(protocol, 'connect'))
    .on('disconnect', (_, __, error) => print(protocol, describeError(error)));
  const asked = client.request({ path: '/', method: 'GET' });
  print(protocol, await asked.then(({ body }) => body.text(), describeError));
  await client.destroy();
}
