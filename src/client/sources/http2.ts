import type { ClientHttp2Stream, Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import type { Guard } from '../../core/guard.ts';
import { guardedListeners, listenFirst, stepAside } from '../../core/listeners.ts';
import type { Connections } from '../connections.ts';

// The order of events of one request of node:http2, which undici uses too:
//   http2.client.stream.created -> start (it has an id, and its headers are sent) -> close
export function http2Source(connections: Connections, guard: Guard): Handlers {
  const sessionListeners = guardedListeners(guard, {
    goaway(this: Http2Session) {
      connections.goawayReceived(this);
    },
  });

  return {
    'http2.client.stream.start': ({ stream }: { stream: ClientHttp2Stream }) => {
      if (!stream.session || !isRequest(stream)) return;

      const isNewSession = connections.streamStarted(stream.session, socketOf);
      if (!isNewSession) return;

      listenFirst(stream.session, sessionListeners);
      stepAside(stream.session);
    },
    'http2.client.stream.close': ({ stream }: { stream: ClientHttp2Stream }) => {
      if (stream.session && isRequest(stream)) connections.streamEnded(stream.session);
    },
  };
}

/** Whether a stream carries a request. Streams that the server pushed have even ids, those that never started have none. */
function isRequest({ id }: ClientHttp2Stream): boolean {
  return id !== undefined && id % 2 === 1;
}

/** `session.socket` is a proxy that binds the socket's functions to the socket, so `valueOf()` returns the socket itself. */
function socketOf(session: Http2Session): Socket | undefined {
  return session.socket?.valueOf() as Socket | undefined;
}
