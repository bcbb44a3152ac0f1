import { isReset, isWriteError } from './error-origin.ts';
import type { CloseReason } from './reasons.ts';

/** How a request failed that had a connection: the server closed or reset that, a timeout expired, or anything else. */
export const REQUEST_FAILURES = ['closed', 'reset', 'timeout', '_OTHER'] as const;

export type RequestFailure = (typeof REQUEST_FAILURES)[number];

/**
 * How the request failed that was on a connection when that closed. Undefined if the program itself gave it up, or closed its client.
 *
 * `error`: the one of the socket.
 */
export function requestFailureOf(reason: CloseReason, error: unknown): RequestFailure | undefined {
  if (reason === 'request_timeout') return 'timeout';
  if (reason === 'error') return '_OTHER';
  if (reason !== 'server_closed_active') return undefined;

  return isReset(error) || isWriteError(error) ? 'reset' : 'closed';
}

/** The code of RST_STREAM for a stream that was given up, or whose session has ended: https://www.rfc-editor.org/rfc/rfc9113#ErrorCodes */
const CANCEL = 8;

/** How a stream of HTTP/2 failed, from the code it ended with, which is not 0. `sessionEnded`: by the server or the network. */
export function streamFailureOf(code: number, sessionEnded: boolean): RequestFailure | undefined {
  if (sessionEnded) return 'closed';
  return code === CANCEL ? undefined : 'reset';
}
