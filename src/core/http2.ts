import type { Http2Session, Http2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** The socket of a session; undefined once the session is destroyed. */
export function socketOf(session: Http2Session): Socket | undefined {
  // `session.socket` is a proxy that binds the socket's functions to the socket, so `valueOf()` returns the socket itself.
  return session.socket?.valueOf() as Socket | undefined;
}

/** Whether a stream carries a request. Streams that the server pushed have even ids, those that never started have none. */
export function isRequest<Stream extends Http2Stream>(stream: Stream): stream is Stream & { readonly id: number } {
  return stream.id !== undefined && stream.id % 2 === 1;
}
