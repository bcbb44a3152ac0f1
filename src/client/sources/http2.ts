import type { ClientHttp2Stream, Http2Session } from 'node:http2';
import type { Handlers } from '../../core/channels.ts';
import { isNetworkError } from '../../core/error-origin.ts';
import { goawayCode } from '../../core/goaway-codes.ts';
import type { Guard } from '../../core/guard.ts';
import { isRequest } from '../../core/http2.ts';
import { excludeFromMaxListeners, guardedListeners, prependListeners } from '../../core/listeners.ts';
import type { Connections } from '../connections.ts';

// The order of events of one request of node:http2, which undici uses too:
//   http2.client.stream.created -> start (it has an id, and its headers are sent) -> close
export function http2Source(connections: Connections, guard: Guard): Handlers {
  const sessionListeners = guardedListeners(guard, {
    goaway(this: Http2Session, code: number) {
      connections.goawayReceived(this, goawayCode(code));
    },
  });

  return {
    'http2.client.stream.start': ({ stream }: { stream: ClientHttp2Stream }) => {
      if (!stream.session || !isRequest(stream)) return;

      const isNewSession = connections.streamStarted(stream.session, stream.id);
      if (!isNewSession) return;

      prependListeners(stream.session, sessionListeners);
      excludeFromMaxListeners(stream.session);
    },
    'http2.client.stream.close': ({ stream }: { stream: ClientHttp2Stream }) => {
      const { session, rstCode } = stream;
      if (!session || !isRequest(stream)) return;

      if (rstCode && !isDestroyedByProgram(stream)) connections.streamFailed(session, rstCode);
      connections.streamEnded(session, stream.id);
    },
  };
}

/** If the server resets a stream, Node destroys it later; if its session has failed, with an error. */
function isDestroyedByProgram({ destroyed, errored }: ClientHttp2Stream): boolean {
  return destroyed && !isNetworkError(errored);
}
