// Frozen options and headers.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { certificate, listen, print } from '../program-helpers.ts';

function frozen<T extends object>(what: T): T {
  for (const value of Object.values(what)) if (value?.constructor === Object) frozen(value);
  return Object.freeze(what);
}
const port = await listen(http.createServer((_, response) => response.end('ok')));
const tlsPort = await listen(https.createServer(certificate, (_, response) => response.end('ok')));
const plain = { port, host: '127.0.0.1', headers: { 'x-a': 'b' } };
const secure = { port: tlsPort, host: '127.0.0.1', ca: certificate.cert };
const agent = new http.Agent(frozen({ keepAlive: true }));
const asked = [
  () => http.get(frozen({ ...plain })),
  () => http.get(frozen({ ...plain, agent })),
  () => https.get(frozen({ ...secure, agent: false })),
];
for (const ask of asked) {
  const [response] = await once(ask(), 'response');
  print(await response.setEncoding('utf8').toArray());
}
for (const connect of [() => net.connect(frozen({ ...plain })), () => tls.connect(frozen({ ...secure }))]) {
  const socket = connect();
  await once(socket, 'connect');
  await once(socket.destroy(), 'close');
}
const init = frozen({ method: 'POST', body: 'x', headers: { 'x-a': 'b' } });
print(await (await fetch(Object.freeze(new URL(`http://127.0.0.1:${port}/`)), init)).text());
agent.destroy();
