import { errorType } from '../core/errors.ts';
import type { ServerCloseReason } from '../core/reasons.ts';

/** What is known of an accepted connection when it is closed. */
export interface ServerCloseFacts {
  /** Only with HTTP/1 does the end of a response close the connection. */
  readonly http1: boolean;
  /** The connection was closed before its TLS handshake was done. */
  readonly handshakePending: boolean;
  /** The error of the socket or of the handshake, if any. */
  readonly error: unknown;
  /** The socket emitted `timeout` after the last request. */
  readonly timedOut: boolean;
  /** The client ended the connection first. */
  readonly clientEnded: boolean;
  /** The server ended its side, as after a last response, and did not destroy the socket at once. */
  readonly serverEnded: boolean;
  /** A request was active when the connection began to end. */
  readonly duringRequest: boolean;
  /** The last request asked to close the connection, or was HTTP/1.0. */
  readonly clientCloses: boolean;
  readonly requests: number;
  /** The server's limit of requests per connection; 0 if it has none. */
  readonly maxRequestsPerSocket: number;
  /** The end was not visible to this process. */
  readonly endUnseen: boolean;
}

/** Errors that mean that the client closed or reset the connection. */
const CLIENT_GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'HPE_INVALID_EOF_STATE']);

/** Decides why an accepted connection was closed. The first reason that applies is returned. */
export function serverCloseReason(facts: ServerCloseFacts): ServerCloseReason {
  const { http1, error, duringRequest } = facts;
  const code = errorType(error);
  if (facts.handshakePending) return 'tls_failed';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  if (facts.timedOut) return duringRequest ? 'request_timeout' : 'keep_alive_timeout';
  if (code === 'HPE_INVALID_EOF_STATE') return 'client_aborted';
  if (!duringRequest && facts.maxRequestsPerSocket > 0 && facts.requests >= facts.maxRequestsPerSocket)
    return 'max_requests';
  if (facts.clientEnded || CLIENT_GONE.has(code)) return duringRequest ? 'client_aborted' : 'client_closed_idle';
  if (error !== undefined) return 'error';
  if (facts.endUnseen) return 'unknown';
  if (http1 && facts.serverEnded && facts.requests > 0 && !duringRequest) {
    return facts.clientCloses ? 'client_close_header' : 'server_close_header';
  }
  return 'server_shutdown';
}
