// server.ts <task>: one server of the soak, in its own process. Writes its counts immediately, so that they are not lost when
// it is killed. The message `drop` closes all connections; a number selects a new certificate.
import { once } from 'node:events';
import { openSync, writeSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import type { ServerTask } from './plan.ts';

const { name, port, counts, certificates } = JSON.parse(process.argv[2] as string) as ServerTask;
const file = openSync(counts, 'w');
const counted = new Uint32Array(2);
const [ACCEPTS, REQUESTS] = [0, 1] as const;
const LONG = 600_000;
const sockets = new Set<net.Socket>();

function count(what: typeof ACCEPTS | typeof REQUESTS) {
  counted[what] = (counted[what] as number) + 1;
  writeSync(file, counted, 0, counted.byteLength, 0);
}

type Request = http.IncomingMessage | http2.Http2ServerRequest;

/**
 * Responses by path: `/` a few bytes, `/body` after reading the request body, `/large` 200 kB, `/slow` in pieces, `/late`
 * after 30 ms, `/hang` never, `/close` with Connection: close, `/reset` and `/end` close before the response, `/half` in
 * the middle of it, `/session` destroys the HTTP/2 session.
 */
function answer(request: Request, response: http.ServerResponse) {
  count(REQUESTS);
  request.on('error', () => {});
  response.on('error', () => {});
  switch (request.url) {
    case '/body':
      return void request.on('end', () => response.end('read')).resume();
    case '/large':
      return void response.end(Buffer.alloc(200_000, 'x'));
    case '/slow':
      return trickle(response, 4);
    case '/late':
      return void setTimeout(() => response.end('late'), 30);
    case '/hang':
      return;
    case '/close':
      return void response.writeHead(200, { connection: 'close' }).end('bye');
    case '/reset':
      return void request.socket.resetAndDestroy();
    case '/end':
      return void request.socket.destroy();
    case '/half':
      response.writeHead(200, { 'content-length': 1_000 });
      return void response.write('begun', () => request.socket.destroy());
    case '/session':
      return void (request as http2.Http2ServerRequest).stream.session?.destroy();
    default:
      return void response.end('hello');
  }
}

function trickle(response: http.ServerResponse, pieces: number) {
  if (response.destroyed) return;
  if (pieces === 0) return void response.end();
  response.write('a piece');
  setTimeout(() => trickle(response, pieces - 1), 10);
}

/** The first byte selects the behaviour: `e` echo, `h` end first and keep reading, `r` reset, `s` echo slowly. */
function echo(socket: net.Socket) {
  socket.on('error', () => {});
  socket.once('data', word => {
    const how = String.fromCharCode(word[0] as number);
    if (how === 'r') return void socket.resetAndDestroy();
    if (how === 'h') return void socket.resume().end('good-bye');
    if (how === 's') return void setTimeout(() => socket.end(word), 40);
    socket.write(word);
    socket.pipe(socket);
  });
}

function make(): net.Server {
  const secure = certificates[0] as tls.SecureContextOptions;
  const patience = {
    keepAliveTimeout: name === 'stale' ? 30 : LONG,
    keepAliveTimeoutBuffer: 0, // Node 26; HTTP/2 servers do not have it
    requestTimeout: LONG,
    headersTimeout: LONG,
  };
  switch (name) {
    case 'http':
    case 'falling':
    case 'stale':
      return Object.assign(http.createServer(answer), patience);
    case 'https':
      return Object.assign(https.createServer(secure, answer), patience);
    case 'h2':
    case 'rude':
      return Object.assign(http2.createSecureServer({ ...secure, allowHTTP1: true }, answer as never), patience);
    case 'h2c':
      return http2.createServer(answer as never);
    case 'echoTls':
      return tls.createServer({ ...secure, allowHalfOpen: true }, echo);
    case 'echo':
    case 'hasty':
      return net.createServer({ allowHalfOpen: true }, echo);
  }
}

const server = make();
server.on('connection', (socket: net.Socket) => {
  count(ACCEPTS);
  sockets.add(socket);
  socket.on('error', () => {}).on('close', () => sockets.delete(socket));
});
for (const event of ['sessionError', 'tlsClientError', 'clientError']) {
  server.on(event, (_error: Error, socket?: net.Socket) => void socket?.destroy?.());
}
server.listen({ host: '127.0.0.1', port, backlog: 4_096 });
await once(server, 'listening');
writeSync(file, counted, 0, counted.byteLength, 0);

process.on('message', (told: 'drop' | number) => {
  if (told === 'drop') for (const socket of sockets) socket.destroy();
  else (server as tls.Server).setSecureContext(certificates[told] as tls.SecureContextOptions);
});
process.on('disconnect', () => process.exit());
process.send?.((server.address() as AddressInfo).port);
