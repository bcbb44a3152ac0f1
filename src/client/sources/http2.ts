import type { ClientHttp2Stream, Http2Session } from 'node:http2';
import type { Handlers } from '../../core/channels.ts';
import type { Guard } from '../../core/guard.ts';
import { isRequest, socketOf } from '../../core/http2.ts';
import { excludeFromMaxListeners, guardedListeners, prependListeners } from '../../core/listeners.ts';
import type { Connections } from '../connections.ts';

// The order of events of one request of node:http2, which undici uses too:
//   http2.client.stream.created -> start (the stream has an id, its headers are sent) -> close
export function http2Source(connections: Connections, guard: Guard): Handlers {
  const sessionListeners = guardedListeners(guard, {
    goaway(this: Http2Session) {
      connections.goawayReceived(this);
    },
  });

  return {
    'http2.client.stream.start': ({ stream }: { stream: ClientHttp2Stream }) => {
      if (!stream.session || !isRequest(stream)) return;

      const isFirst = connections.streamStarted(stream.session, socketOf);
      if (!isFirst) return;

      prependListeners(stream.session, sessionListeners);
      excludeFromMaxListeners(stream.session);
    },
    'http2.client.stream.close': ({ stream }: { stream: ClientHttp2Stream }) => {
      if (stream.session && isRequest(stream)) connections.streamEnded(stream.session);
    },
  };
}
