import type { IncomingMessage } from 'node:http';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Handlers } from '../core/channels.ts';
import type { Guard } from '../core/guard.ts';
import { excludeFromMaxListeners, type Listeners, markAsOurs, prependListeners } from '../core/listeners.ts';
import { hostName, type Origin, portNumber, socketPath } from '../core/origins.ts';
import { handshakeOf } from '../core/tls-handshake.ts';
import type { Listener } from '../metrics/listener-counts.ts';
import type { Servers } from './servers.ts';

/** What its class shows of a server: only TLS has contexts, only HTTP/1 waits for headers, only HTTP/2 has settings. */
type ServerShape = Server & { addContext?: unknown; headersTimeout?: unknown; updateSettings?: unknown };

function listenerOf(server: ServerShape): Listener {
  const bound = server.address();
  const http2 = server.updateSettings !== undefined;
  const tls = server.addContext !== undefined;
  return {
    origin: bound === null ? undefined : boundTo(bound),
    http: http2 || server.headersTimeout !== undefined,
    tls,
    version: http2 ? '2' : '1.1',
  };
}

function boundTo(bound: string | AddressInfo): Origin {
  return typeof bound === 'string'
    ? { address: socketPath(bound), port: undefined }
    : { address: hostName(bound.address), port: portNumber(bound.port) };
}

// One connection, in the order its server speaks of it:
//   (tracing:net.server.listen:asyncEnd, once a server) -> the server's 'connection' -> net.server.socket, same turn
//     -> with TLS: the server's 'secureConnection' with the socket that speaks from now on, or 'tlsClientError' -> close
//     -> http.server.request.start -> http.server.response.finish, once a request; with HTTP/2 the server's 'session',
//        then http2.server.stream.start -> close -> the socket's end | timeout -> close, when its error is read
// A connection too many is told by the server's 'drop' alone.
//
// Never listened to: 'clientError', 'timeout', 'upgrade', 'connect', 'checkContinue' and the like of an HTTP server. Node
// leaves to who listens what it else does by itself.
//
// Limitations: of an upgrade (and CONNECT) there is neither channel nor event that we could hear without changing what
// Node does; such a connection is active, and has no request. A connection refused by a server's `blockList` says nothing.
export function serverSource(servers: Servers, guard: Guard): Handlers {
  const ofServer = markAsOurs([
    [
      'drop',
      guard('drop', function (this: Server) {
        servers.dropped(this);
      }),
    ],
  ]);
  const ofTlsServer = markAsOurs([
    [
      'secureConnection',
      guard('secureConnection', (socket: TLSSocket) => {
        if (servers.secured(socket, handshakeOf(socket))) hear(socket, ofSpeakingSocket);
      }),
    ],
    [
      'tlsClientError',
      guard('tlsClientError', (error: Error, socket: TLSSocket) => {
        servers.handshakeFailed(socket, error);
      }),
    ],
  ]);
  const ofHttp2Server = markAsOurs([
    [
      'session',
      guard('session', (session: Http2Session) => {
        meetSession(session);
      }),
    ],
  ]);
  const ofSession = markAsOurs([
    [
      'goaway',
      guard('goaway', function (this: Http2Session) {
        servers.clientEnded(this, true);
      }),
    ],
    [
      'timeout',
      guard('timeout', function (this: Http2Session) {
        servers.timedOut(this);
      }),
    ],
  ]);
  const ofAnySocket = markAsOurs([
    [
      'close',
      guard('close', function (this: Socket) {
        servers.closed(this);
      }),
    ],
  ]);
  const ofSpeakingSocket = markAsOurs([
    ...ofAnySocket,
    [
      'end',
      guard('end', function (this: Socket) {
        servers.clientEnded(this, !this.writableEnded);
      }),
    ],
    [
      'timeout',
      guard('timeout', function (this: Socket) {
        servers.timedOut(this);
      }),
    ],
  ]);

  const meet = (server: ServerShape) => {
    if (!servers.listening(server, listenerOf)) return;

    hear(server, ofServer);
    const { tls, version } = listenerOf(server);
    if (tls) hear(server, ofTlsServer);
    if (version === '2') hear(server, ofHttp2Server);
  };
  const meetSession = (session: Http2Session) => {
    if (servers.sessionStarted(session, socketOf)) hear(session, ofSession);
  };

  return {
    'tracing:net.server.listen:asyncEnd': ({ server }: { server: ServerShape }) => {
      meet(server);
    },
    'net.server.socket': ({ socket }: { socket: Socket & { server: ServerShape } }) => {
      const { server } = socket;
      if (!servers.knows(server)) meet(server);
      if (!servers.accepted(socket, server, listenerOf)) return;

      hear(socket, server.addContext === undefined ? ofSpeakingSocket : ofAnySocket);
    },
    'http.server.request.start': ({ socket, server }: { socket: Socket; server: Server }) => {
      servers.requestStarted(socket, server, listenerOf);
    },
    'http.server.response.finish': ({ request, response, socket }: Exchange) => {
      servers.requestFinished(socket, !response.shouldKeepAlive && wantsToClose(request));
    },
    'http2.server.stream.start': ({ stream }: { stream: ServerHttp2Stream }) => {
      if (!stream.session || !isRequest(stream)) return;

      meetSession(stream.session);
      servers.streamStarted(stream.session);
    },
    'http2.server.stream.close': ({ stream }: { stream: ServerHttp2Stream }) => {
      if (stream.session && isRequest(stream)) servers.streamEnded(stream.session, stream.session.destroyed);
    },
  };
}

function hear(emitter: Server | Socket | Http2Session, listeners: Listeners): void {
  prependListeners(emitter, listeners);
  excludeFromMaxListeners(emitter);
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: { readonly shouldKeepAlive: boolean };
  readonly socket: Socket;
}

/** Looked at only where the connection is not kept: making an object of the headers costs. */
function wantsToClose({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.0' || /\bclose\b/i.test(headers.connection ?? '');
}

/** Streams that the server pushed have even ids. */
function isRequest({ id }: ServerHttp2Stream): boolean {
  return id !== undefined && id % 2 === 1;
}

/** The session shows its socket behind a proxy, which binds the socket's functions to it: so `valueOf` is the socket. */
function socketOf(session: Http2Session): Socket | undefined {
  return session.socket?.valueOf() as Socket | undefined;
}
