import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Handlers } from '../core/channels.ts';
import type { Guard } from '../core/guard.ts';
import { isRequest } from '../core/http2.ts';
import { excludeFromMaxListeners, guardedListeners, type Listeners, prependListeners } from '../core/listeners.ts';
import { handshakeOf } from '../core/tls-handshake.ts';
import type { AnyServer } from './listening-servers.ts';
import type { Servers } from './servers.ts';

// The order of events of one connection:
//   (tracing:net.server.listen:asyncEnd, once per server) -> the server's 'connection' -> net.server.socket, same turn
//     -> with TLS: the server's 'secureConnection' with a new socket, which emits all further events, or 'tlsClientError'
//     -> HTTP/1: http.server.request.start -> http.server.response.finish, once per request
//        HTTP/2: the server's 'session', then http2.server.stream.start -> close, once per request
//     -> the socket's 'end' or 'timeout' -> 'close', when the socket's error is read
// If the server has `maxConnections` already, it emits 'drop' and nothing else.
//
// Never add listeners for 'clientError', 'timeout', 'upgrade', 'connect', 'checkContinue' and the like to an HTTP server: Node
// skips its default action if there are any.
//
// Limitations: Node publishes neither upgrades nor CONNECT requests, except by events that are off limits for that reason.
// Such a connection is active, without a request. Connections that are refused by a server's `blockList` are not reported.
export function serverSource(servers: Servers, guard: Guard): Handlers {
  const serverListeners = guardedListeners(guard, {
    drop(this: Server) {
      servers.refused(this);
    },
  });
  const tlsServerListeners = guardedListeners(guard, {
    secureConnection(socket: TLSSocket) {
      if (servers.secured(socket, handshakeOf(socket))) listenTo(socket, socketListeners);
    },
    tlsClientError(error: Error, socket: TLSSocket) {
      servers.handshakeFailed(socket, error);
    },
  });
  const http2ServerListeners = guardedListeners(guard, {
    session(session: Http2Session) {
      sessionStarted(session);
    },
  });
  const sessionListeners = guardedListeners(guard, {
    goaway(this: Http2Session) {
      servers.clientEnded(this, true);
    },
    timeout(this: Http2Session) {
      servers.timedOut(this);
    },
  });
  const closeListener = guardedListeners(guard, {
    close(this: Socket) {
      servers.closed(this);
    },
  });
  const socketListeners = [
    ...closeListener,
    ...guardedListeners(guard, {
      end(this: Socket) {
        servers.clientEnded(this, !this.writableEnded);
      },
      timeout(this: Socket) {
        servers.timedOut(this);
      },
    }),
  ];

  const serverListens = (server: AnyServer) => {
    const listener = servers.listening(server);
    if (listener === undefined) return;

    listenTo(server, serverListeners);
    if (listener.tls) listenTo(server, tlsServerListeners);
    if (listener.version === '2') listenTo(server, http2ServerListeners);
  };
  const sessionStarted = (session: Http2Session) => {
    if (servers.sessionStarted(session)) listenTo(session, sessionListeners);
  };

  return {
    'tracing:net.server.listen:asyncEnd': ({ server }: { server: AnyServer }) => {
      serverListens(server);
    },
    'net.server.socket': ({ socket }: { socket: Socket & { server: AnyServer } }) => {
      const { server } = socket;
      if (!servers.isKnown(server)) serverListens(server);
      const connection = servers.accepted(socket, server);
      if (connection === undefined) return;

      listenTo(socket, connection.tlsPending ? closeListener : socketListeners);
    },
    'http.server.request.start': ({ socket, server }: { socket: Socket; server: Server }) => {
      servers.requestStarted(socket, server);
    },
    'http.server.response.finish': ({ request, response, socket }: FinishedResponse) => {
      // `request.headers` is created on first access, so it is not read if the connection is kept.
      servers.requestFinished(socket, !response.shouldKeepAlive && asksToClose(request));
    },
    'http2.server.stream.start': ({ stream }: { stream: ServerHttp2Stream }) => {
      if (!stream.session || !isRequest(stream)) return;

      sessionStarted(stream.session);
      servers.streamStarted(stream.session, stream.id);
    },
    'http2.server.stream.close': ({ stream }: { stream: ServerHttp2Stream }) => {
      if (stream.session && isRequest(stream)) servers.streamEnded(stream.session, stream.id, stream.session.destroyed);
    },
  };
}

interface FinishedResponse {
  readonly request: IncomingMessage;
  readonly response: Pick<ServerResponse, 'shouldKeepAlive'>;
  readonly socket: Socket;
}

function listenTo(emitter: Server | Socket | Http2Session, listeners: Listeners): void {
  prependListeners(emitter, listeners);
  excludeFromMaxListeners(emitter);
}

function asksToClose({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion === '1.0' || /\bclose\b/i.test(headers.connection ?? '');
}
