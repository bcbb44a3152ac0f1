// A server in its own process that counts what really arrives. Started by server.ts; exits with its parent.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { serveRedis } from './fake-redis.ts';
import type { Seen, ServerOptions } from './server.ts';

const { kind, host, port, path, certificate, tlsOptions, keepAliveTimeout } = JSON.parse(
  process.argv[2] as string,
) as ServerOptions;
const seen: Seen = { accepts: 0, secured: 0, resumed: 0, requests: 0, open: 0, connects: 0 };
const sockets = new Set<net.Socket>();
let drops = 0;

type Request = http.IncomingMessage | http2.Http2ServerRequest;

/**
 * Responses by path: `/` small, `/large` 200 kB, `/echo` after the request body, `/early` before it, `/slow` headers at once
 * and the body after 200 ms, `/late` after 50 ms, `/quiet` without a Keep-Alive header, `/close` with Connection: close,
 * `/hang` never, `/drop` closes the connection, `/drop-once` only the first time, `/stale` at a connection's second
 * request, as after a keep-alive timeout, `/gone` 204. HTTP/2 only: `/push` pushes a stream, `/goaway` sends GOAWAY.
 */
function answer(request: Request, response: http.ServerResponse) {
  const stream = 'stream' in request ? request.stream : undefined;
  seen.requests++;
  const [url] = (request.url ?? '/').split('?');
  if (url === '/large') response.end(Buffer.alloc(200_000, 'x'));
  else if (url === '/echo') request.on('end', () => response.end('echo')).resume();
  else if (url === '/slow') {
    response.writeHead(200);
    response.write('begun');
    setTimeout(() => response.end('done'), 200);
  } else if (url === '/late') setTimeout(() => response.end('late'), 50);
  else if (url === '/quiet') response.writeHead(200, { connection: 'keep-alive' }).end('hello');
  else if (url === '/close') response.writeHead(200, { connection: 'close' }).end('bye');
  else if (url === '/hang') return;
  else if (url === '/drop' || (url === '/drop-once' && drops++ === 0) || (url === '/stale' && isSecond(request)))
    drop(request);
  else if (url === '/gone') response.writeHead(204).end();
  else if (url === '/push') {
    stream?.pushStream({ ':path': '/pushed' }, (_error, pushed) => {
      pushed.respond({ ':status': 200 });
      pushed.end('pushed');
    });
    response.end('hello');
  } else if (url === '/goaway') {
    stream?.session?.goaway();
    response.end('last');
  } else response.end('hello');
}

const served = new WeakSet<net.Socket>();

function isSecond({ socket }: Request): boolean {
  const second = served.has(socket);
  served.add(socket);
  return second;
}

function drop(request: Request) {
  if ('stream' in request) request.stream.session?.destroy();
  else request.socket.destroy();
}

function onConnect(request: http.IncomingMessage, socket: net.Socket, head: Buffer) {
  seen.connects++;
  const { hostname, port } = new URL(`http://${request.url}`);
  const upstream = net.connect(Number(port), hostname.replace(/[[\]]/g, ''), () => {
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    upstream.write(head);
    socket.pipe(upstream).pipe(socket);
  });
  upstream.on('error', () => socket.destroy());
  socket.on('error', () => upstream.destroy());
  socket.on('close', () => upstream.destroy());
}

function onUpgrade(request: http.IncomingMessage, socket: net.Socket) {
  seen.requests++;
  const key = request.headers['sec-websocket-key'];
  if (key !== undefined) {
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.on('error', () => {}).on('data', frame => echoFrame(socket, frame));
    return;
  }
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  socket.on('error', () => {}).pipe(socket);
}

/** Echoes one short WebSocket frame without its mask; after a close frame, the connection ends. */
function echoFrame(socket: net.Socket, frame: Buffer) {
  const [first = 0, length = 0] = frame;
  const mask = frame.subarray(2, 6);
  const payload = frame.subarray(6, 6 + (length & 0x7f)).map((byte, i) => byte ^ (mask[i % 4] as number));
  socket.write(Buffer.concat([Buffer.from([first, payload.length]), payload]));
  if ((first & 0x0f) === 8) socket.end();
}

function make(): net.Server {
  const secure = { ...certificate, ...tlsOptions };
  switch (kind) {
    case 'http':
      return http.createServer(answer);
    case 'https':
      return https.createServer(secure, answer);
    case 'http2':
      return http2.createSecureServer({ ...secure, allowHTTP1: true }, answer as never);
    case 'http2c':
      return http2.createServer(answer as never);
    case 'tcp':
      return net.createServer(socket => socket.on('error', () => {}).pipe(socket));
    case 'tls':
      return tls.createServer(secure, socket => socket.on('error', () => {}).pipe(socket));
    case 'http10':
      return net.createServer(socket =>
        socket
          .on('error', () => {})
          .once('data', () => {
            seen.requests++;
            socket.end('HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello');
          }),
      );
    case 'silent':
    case 'frozen':
      return net.createServer(socket => socket.on('error', () => {}).resume());
    case 'rude':
      return net.createServer(socket => socket.on('error', () => {}).once('data', () => socket.destroy()));
    case 'redis':
      return net.createServer(socket =>
        serveRedis(
          socket.on('error', () => {}),
          () => seen.requests++,
        ),
      );
    case 'grpc':
      return net.createServer(socket => grpcInjector?.injectConnection(socket.on('error', () => {})));
  }
}

/** A gRPC server that receives its connections from the counting server. */
async function injectorOfGrpc() {
  const { Server, ServerCredentials } = await import('@grpc/grpc-js');
  const { ECHO } = await import('./grpc-service.ts');
  const grpc = new Server();
  grpc.addService(ECHO, {
    say: ({ request }: { request: string }, callback: (error: null, text: string) => void) => {
      seen.requests++;
      callback(null, request);
    },
  });
  return grpc.createConnectionInjector(ServerCredentials.createInsecure());
}

const grpcInjector = kind === 'grpc' ? await injectorOfGrpc() : undefined;
const server = make();
if (keepAliveTimeout !== undefined) Object.assign(server, { keepAliveTimeout, keepAliveTimeoutBuffer: 0 });
server.on('connection', (socket: net.Socket) => {
  seen.accepts++;
  seen.open++;
  sockets.add(socket);
  socket.on('close', () => {
    seen.open--;
    sockets.delete(socket);
  });
});
server.on('secureConnection', (socket: TLSSocket) => {
  seen.secured++;
  if (socket.isSessionReused()) seen.resumed++;
});
if (kind === 'http' || kind === 'https') {
  server.on('connect', onConnect);
  server.on('upgrade', onUpgrade);
}
server.on('sessionError', () => {});
server.on('tlsClientError', () => {});
server.listen(path === undefined ? { host, port: port ?? 0, ...(kind === 'frozen' ? { backlog: 1 } : {}) } : { path });
await once(server, 'listening');

process.send?.({ port: (server.address() as AddressInfo).port }, () => {
  if (kind !== 'frozen') return;
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20_000); // the parent kills it earlier
  process.exit();
});
process.on('message', (message: 'seen' | 'drop' | 'reset') => {
  if (message === 'reset') Object.assign(seen, { accepts: 0, secured: 0, resumed: 0, requests: 0, connects: 0 });
  if (message !== 'seen') for (const socket of sockets) socket.destroy();
  process.send?.(seen);
});
process.on('disconnect', () => process.exit());
