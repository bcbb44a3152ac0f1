import { errorType } from '../core/errors.ts';
import type { ServerCloseReason } from '../core/reasons.ts';

/** What is known of an accepted connection when it is closed. */
export interface ServerCloseFacts {
  /** HTTP/1, where the end of an answer may be the end of the connection. */
  readonly http1: boolean;
  /** TLS was to come, and did not: the handshake failed. */
  readonly handshakePending: boolean;
  /** What the socket met. */
  readonly error: unknown;
  /** The socket's own timeout struck since its last request. */
  readonly timedOut: boolean;
  /** The client ended first. */
  readonly clientEnded: boolean;
  /** The server ended its half, as after a last answer: it did not just cut. */
  readonly serverEnded: boolean;
  /** A request was on it when it began to end. */
  readonly duringRequest: boolean;
  /** The last request said that the connection ends with it, or was HTTP/1.0. */
  readonly clientCloses: boolean;
  readonly requests: number;
  /** The most requests that the server takes on one connection; 0 where it does not mind. */
  readonly maxRequestsPerSocket: number;
  /** Nothing but the close was seen of its end. */
  readonly endUnseen: boolean;
}

/** The client went away without a word, or in the middle of one. */
const CLIENT_GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'HPE_INVALID_EOF_STATE']);

/** Exactly one reason per close, so that the reasons add up to the connections closed. */
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
