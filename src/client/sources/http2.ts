import type { ClientHttp2Stream, Http2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { Handlers } from '../../core/channels.ts';
import type { Guard } from '../../core/guard.ts';
import { excludeFromMaxListeners, markAsOurs, prependListeners } from '../../core/listeners.ts';
import type { Connections } from '../connections.ts';

// One request, in the order node:http2 speaks of it (and undici, which uses it):
//   http2.client.stream.created -> start (has an id, headers are out) -> close
// A stream that never started has no id; one that the server pushed has an even one. Neither is a request sent.
export function http2Source(connections: Connections, guard: Guard): Handlers {
  const ofSession = markAsOurs([
    [
      'goaway',
      guard('goaway', function (this: Http2Session) {
        connections.goawayReceived(this);
      }),
    ],
  ]);

  return {
    'http2.client.stream.start': ({ stream }: { stream: ClientHttp2Stream }) => {
      if (!stream.session || !carriesRequest(stream)) return;

      const isFirst = connections.streamStarted(stream.session, socketOf);
      if (!isFirst) return;

      prependListeners(stream.session, ofSession);
      excludeFromMaxListeners(stream.session);
    },
    'http2.client.stream.close': ({ stream }: { stream: ClientHttp2Stream }) => {
      if (stream.session && carriesRequest(stream)) connections.streamEnded(stream.session);
    },
  };
}

function carriesRequest({ id }: ClientHttp2Stream): boolean {
  return id !== undefined && id % 2 === 1;
}

/** The session shows its socket behind a proxy, which binds the socket's functions to it: so `valueOf` is the socket. */
function socketOf(session: Http2Session): Socket | undefined {
  return session.socket?.valueOf() as Socket | undefined;
}
