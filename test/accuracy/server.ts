// The server of one play, in its own process. It notes which dispatcher's requests arrived on each connection: the path
// of a request names the dispatcher that sent it, and dispatchers of undici have a local address of their own.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Certificate } from '../support/certificates.ts';

export interface ServersOptions {
  readonly count: number;
  readonly kind: 'http' | 'https' | 'h2c';
  readonly keepAliveTimeout: number;
  readonly certificate?: Certificate;
}

/** A connection as the server saw it. */
export interface Accepted {
  /** The port of the server. */
  readonly port: number;
  /** The address and port of the client. */
  readonly remote: string;
  /** The names of the dispatchers whose requests arrived, without duplicates. */
  readonly senders: string[];
}

const { count, kind, keepAliveTimeout, certificate } = JSON.parse(process.argv[2] as string) as ServersOptions;
const accepted: Accepted[] = [];
const bySocket = new WeakMap<Socket, Accepted>();

/**
 * Paths: `/<dispatcher>/<what>?ms=<delay>`. `reply` is a small response, `close` one with `Connection: close`, and `quiet` one
 * without a hint about the keep-alive timeout.
 */
function answer(request: http.IncomingMessage | http2.Http2ServerRequest, response: http.ServerResponse): void {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket;
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://server');
  const [, sender = '', what] = pathname.split('/');
  const connection = socket && bySocket.get(rawSocketOf(socket));
  if (connection !== undefined && !connection.senders.includes(sender)) connection.senders.push(sender);
  if (what === 'close') response.setHeader('connection', 'close');
  if (what === 'quiet') response.setHeader('connection', 'keep-alive'); // Node adds its hint only to its own header
  setTimeout(() => response.end('ok'), Number(searchParams.get('ms') ?? 0));
}

/** The TCP socket: the server of HTTP/2 shows a proxy of it, and TLS a socket around it. Both have the same remote port. */
function rawSocketOf(socket: object): Socket {
  const { remoteAddress, remotePort } = socket as Socket;
  return sockets.get(`${remoteAddress} ${remotePort}`) ?? (socket as Socket);
}

const sockets = new Map<string, Socket>();

function make(): http.Server | http2.Http2Server {
  if (kind === 'h2c') return http2.createServer(answer as never);
  return kind === 'https' ? https.createServer({ ...certificate }, answer) : http.createServer(answer);
}

const ports: number[] = [];
for (let i = 0; i < count; i++) {
  const server = Object.assign(make(), { keepAliveTimeout, keepAliveTimeoutBuffer: 0 });
  server.on('connection', (socket: Socket) => {
    const remote = `${socket.remoteAddress} ${socket.remotePort}`;
    const connection: Accepted = { port: socket.localPort ?? 0, remote, senders: [] };
    accepted.push(connection);
    bySocket.set(socket, connection);
    sockets.set(remote, socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(remote));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ports.push((server.address() as AddressInfo).port);
}

process.send?.(ports);
process.on('message', () => process.send?.(accepted));
process.on('disconnect', () => process.exit());
