import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Handlers } from '../core/channels.ts';
import type { Guard } from '../core/guard.ts';
import { isRequest } from '../core/http2.ts';
import { excludeFromMaxListeners, guardedListeners, type Listeners, prependListeners } from '../core/listeners.ts';
import { handshakeOf } from '../core/tls-handshake.ts';
import { marginOf } from './keep-alive-hint.ts';
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
// Limitations: Node publishes neither upgrades nor CONNECT requests, except by events that are off limits for that reason:
// see `upgrade.ts`. Connections that are refused by a server's `blockList` are not reported.
export function serverSource(servers: Servers, guard: Guard): Handlers {
  const serverListeners = guardedListeners(guard, {
    drop(this: Server) {
      servers.refused(this);
    },
  });
  const tlsServerListeners = guardedListeners(guard, {
    secureConnection(this: AnyServer, socket: TLSSocket) {
      if (servers.secured(socket, this, handshakeOf(socket))) listenTo(socket, socketListeners);
    },
    tlsClientError(this: AnyServer, error: Error, socket: TLSSocket) {
      servers.handshakeFailed(socket, this, error);
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
    'http.server.request.start': ({ request, socket, server }: StartedRequest) => {
      if (servers.requestStarted(socket, server))
        servers.clientKnown(socket, keepAliveMargin(request), isProxied(request));
    },
    'http.server.response.finish': ({ request, response, socket, server }: FinishedResponse) => {
      let closes = false;
      let hint = Number.NaN;
      try {
        closes = clientCloses(request, response);
        hint = hintOf(response, server);
      } finally {
        servers.requestFinished(socket, closes, hint); // also if a method of the program's own response class throws
      }
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

interface StartedRequest {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly server: Server;
}

interface FinishedResponse extends StartedRequest {
  readonly response: ServerResponse;
  readonly server: Server & { readonly keepAliveTimeout?: number };
}

const CLOSE = /\bclose\b/i;

function listenTo(emitter: Server | Socket | Http2Session, listeners: Listeners): void {
  prependListeners(emitter, listeners);
  excludeFromMaxListeners(emitter);
}

/**
 * Whether a response is the last one on its connection because of the request. `request.headers` is created on first access,
 * so it is read only if the request asks to close the connection.
 */
function clientCloses(request: IncomingMessage, response: ServerResponse): boolean {
  const isOld = request.httpVersion === '1.0';
  if (!response.shouldKeepAlive) return isOld || CLOSE.test(request.headers.connection ?? '');

  // A client of HTTP/1.0 that asks to keep the connection. If the program sets no length, Node closes the connection, because
  // nothing else shows where the response ends. Limitation: headers that only `writeHead()` is given are not seen.
  return isOld && !response.hasHeader('content-length') && !CLOSE.test(String(response.getHeader('connection')));
}

/** See `HintedEnd.margin`. */
function keepAliveMargin({ rawHeaders }: IncomingMessage): number {
  const at = rawHeaders.findIndex((name, i) => i % 2 === 0 && /^connection$/i.test(name));
  return /keep-alive/i.test(rawHeaders[at + 1] ?? '') && at >= 0 ? marginOf(String(rawHeaders[at])) : Number.NaN;
}

/** Headers that only proxies add: https://www.rfc-editor.org/rfc/rfc7239 and https://www.rfc-editor.org/rfc/rfc9110#name-via */
const PROXY_HEADER = /^(?:x-forwarded-for|forwarded|via)$/i;

function isProxied({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.some((name, i) => i % 2 === 0 && PROXY_HEADER.test(name));
}

/** The seconds that Node promises in the `Keep-Alive` header. It sends that header unless the program sets one of the two itself. */
function hintOf(response: ServerResponse, { keepAliveTimeout = 0 }: FinishedResponse['server']): number {
  if (!(keepAliveTimeout > 0) || response.hasHeader('connection') || response.hasHeader('keep-alive'))
    return Number.NaN;

  return Math.floor(keepAliveTimeout / 1000);
}
