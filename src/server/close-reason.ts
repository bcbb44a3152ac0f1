import { errorType } from '../core/errors.ts';
import type { ServerCloseReason } from '../core/reasons.ts';
import { type HintedEnd, leftBecauseOfHint } from './keep-alive-hint.ts';

/** What is known of an accepted connection when it is closed. */
export interface ServerCloseFacts extends HintedEnd {
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
  /** The client never sent anything to an HTTP server. */
  readonly neverUsed: boolean;
  /**
   * The server handed the connection over to the program, which wrote to it. If it wrote nothing, it refused the upgrade, or
   * was not done yet. Undefined if it is not known whether the connection was handed over.
   */
  readonly upgraded: boolean | undefined;
  /** The server's limit of requests per connection; 0 if it has none. */
  readonly maxRequestsPerSocket: number;
  /** The end was not visible to this process. */
  readonly endUnseen: boolean;
}

/** Errors that mean that the client closed or reset the connection. */
const CLIENT_GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE']);

/** Decides why an accepted connection was closed. The first reason that applies is returned. */
export function serverCloseReason(facts: ServerCloseFacts): ServerCloseReason {
  const { http1, error, duringRequest, neverUsed, requests } = facts;
  const code = errorType(error);
  const clientLeft = facts.clientEnded || CLIENT_GONE.has(code);
  if (facts.handshakePending) return 'tls_failed';
  if (facts.upgraded && !facts.endUnseen) return 'upgraded';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return neverUsed ? 'never_used' : 'request_timeout';
  if (code === 'HPE_INVALID_EOF_STATE') return 'client_aborted';
  if ((error === undefined || clientLeft) && mayBeUpgraded(facts)) return 'unknown';
  if (facts.timedOut) {
    if (duringRequest) return 'request_timeout';
    return neverUsed ? 'never_used' : 'keep_alive_timeout';
  }
  if (!duringRequest && facts.maxRequestsPerSocket > 0 && requests >= facts.maxRequestsPerSocket) return 'max_requests';
  if (clientLeft) {
    if (duringRequest) return 'client_aborted';
    return http1 && requests > 0 && leftBecauseOfHint(facts) ? 'keep_alive_hint_too_short' : 'client_closed_idle';
  }
  if (error !== undefined) return 'error';
  if (facts.endUnseen) return 'unknown';
  if (http1 && facts.serverEnded && requests > 0 && !duringRequest) {
    return facts.clientCloses ? 'client_close_header' : 'server_close_header';
  }
  return 'server_shutdown';
}

/** The client sent something that was no request: an upgrade, or half a request. */
function mayBeUpgraded({ http1, upgraded, requests, neverUsed }: ServerCloseFacts): boolean {
  return http1 && upgraded === undefined && requests === 0 && !neverUsed;
}
