import { isNetworkError, isReset, isTimeoutError, isWriteError } from '../../core/error-origin.ts';
import { messageOf } from '../../core/errors.ts';
import type { CloseReason } from '../../core/reasons.ts';
import type { TunnelState } from '../../core/tunnels.ts';

/** What the last request and its response say about the future of their connection. */
export interface KeepAliveSignals {
  /** The client never reuses a connection after such a request, for example undici after HEAD. */
  readonly methodNotReusable: boolean;
  /** The request said that it is the last one on the connection. */
  readonly clientCloses: boolean;
  /** The program asked for that, by a header or an option. Otherwise the client decided it. */
  readonly closeIsExplicit: boolean;
  /** The response said that it is the last one on the connection, or it was HTTP/1.0. */
  readonly serverCloses: boolean;
  /** For how many idle seconds the server promised to keep the connection, and how many seconds earlier the client closes it. */
  readonly keepAlive: number | undefined;
  readonly keepAliveMargin: number;
  /** The request was sent completely. A server may answer earlier. */
  readonly sent: boolean;
  /** The response has arrived completely, and the program did not give it up. */
  readonly complete: boolean;
  /** The request was destroyed, or its socket with an error of the program. This is an abort only if the response is not complete. */
  readonly aborted: boolean;
  readonly upgraded: boolean;
}

/** How the program gave up a request: nobody read the body until it was collected as garbage, a timeout, or anything else. */
export type Abort = 'unread' | 'timed_out' | 'cancelled';

/** What is known about an opened connection when it closes. */
export interface CloseFacts {
  readonly http: boolean;
  /** The first error of the socket. */
  readonly error: unknown;
  /** The server sent FIN first. */
  readonly serverEnded: boolean;
  /** The socket emitted 'timeout', and nothing was sent or received after that. */
  readonly timedOut: boolean;
  /** The program gave up the last request. Undefined also for clients that do not publish this. */
  readonly abort: Abort | undefined;
  /** The connection has reached the age at which its client closes it. */
  readonly expired: boolean;
  readonly receivedGoaway: boolean;
  readonly tunnel: TunnelState;
  /** Undefined if there was no request. */
  readonly signals: KeepAliveSignals | undefined;
  /** How many streams of HTTP/2 were active. */
  readonly streams: number;
  /** The response to the last request has started. */
  readonly responseStarted: boolean;
  readonly requests: number;
  /** When the agent took the connection back, it had as many idle ones as it keeps. */
  readonly poolWasFull: boolean;
  /** The agent had taken the connection back. False also for clients that do not show this. */
  readonly returnedToPool: boolean;
}

const BY_CODE: ReadonlyMap<unknown, CloseReason> = new Map([
  ['UND_ERR_DESTROYED', 'client_shutdown'],
  ['UND_ERR_CLOSED', 'client_shutdown'],
  ['UND_ERR_HEADERS_TIMEOUT', 'request_timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'request_timeout'],
]);

/** Texts of undici's errors. They are no API, so a live test checks them for each major version. */
const RESET = 'reset';
const IDLE = 'idle timeout';
const ABORTED = 'aborted';
const GOAWAY = 'GOAWAY';
/** Not an error, but a string. */
const COLLECTED = 'Response object has been garbage collected';

/** How the program gave up a request, from the error that the request ended with. Undefined if that is not the program's. */
export function abortOf(error: unknown): Abort | undefined {
  if (error === COLLECTED) return 'unread';
  if (isTimeoutError(error)) return 'timed_out';
  return isNetworkError(error) ? undefined : 'cancelled';
}

/** The reason of a close: the first that applies. */
export function closeReason(facts: CloseFacts): CloseReason {
  const { http, error, signals, serverEnded, timedOut } = facts;
  if (facts.tunnel === 'refused') return 'proxy_refused';
  if (!http && facts.tunnel !== 'open') return reasonWithoutHttp(facts);
  if (facts.tunnel === 'open' || (signals?.upgraded && facts.responseStarted)) return 'upgraded';
  if (facts.receivedGoaway) return 'goaway';
  const inExchange = isInExchange(facts);
  if (facts.abort !== undefined && inExchange && !serverEnded) return reasonOfAbort(facts);
  const errorReason = error === undefined ? undefined : reasonFromError(facts);
  if (errorReason !== undefined) return errorReason;
  if (facts.tunnel === 'requested' && facts.responseStarted) return 'unknown'; // the client does not publish the answer

  if (serverEnded) return reasonOfServer(facts);
  if (error !== undefined && isNetworkError(error)) return 'error';
  if (inExchange) {
    return timedOut || signals?.aborted || facts.responseStarted ? reasonOfAbort(facts) : 'client_shutdown';
  }
  if (timedOut) return reasonOfTimeout(facts);
  return reasonFromSignals(facts) ?? reasonOfIdle(facts);
}

/** The reason of an error that is known to have only one. */
function reasonFromError(facts: CloseFacts): CloseReason | undefined {
  const { error } = facts;
  const { code } = (error ?? {}) as { code?: unknown };
  const text = messageOf(error);
  if (text.includes(GOAWAY)) return 'goaway';
  if (code === 'UND_ERR_INFO') return reasonFromText(text, facts);
  if (code === 'UND_ERR_ABORTED') return reasonOfAbort(facts);
  if (code === 'UND_ERR_SOCKET' || isReset(error)) return reasonOfServer(facts);
  const reason = BY_CODE.get(code);
  return reason === 'client_shutdown' && facts.expired ? 'connection_expired' : reason;
}

function reasonFromText(text: string, facts: CloseFacts): CloseReason {
  if (text.includes(IDLE)) return 'client_idle_timeout';
  if (text === RESET) return reasonOfReset(facts);
  return text === ABORTED ? reasonOfAbort(facts) : 'unknown'; // a new text of undici
}

function isInExchange({ streams, signals, tunnel }: CloseFacts): boolean {
  return streams > 0 || tunnel === 'requested' || (signals !== undefined && !(signals.complete && signals.sent));
}

function reasonOfServer(facts: CloseFacts): CloseReason {
  if (isInExchange(facts) || isWriteError(facts.error)) return 'server_closed_active';
  return reasonFromSignals(facts) ?? 'server_idle_close';
}

/** Without HTTP, it is only known which side closed the socket. */
function reasonWithoutHttp({ error, serverEnded, timedOut }: CloseFacts): CloseReason {
  if (serverEnded || isReset(error)) return 'peer_closed';
  if (isNetworkError(error)) return 'error';
  return timedOut ? 'client_idle_timeout' : 'client_closed';
}

/** The program gave up the request, or the rest of it when the server had answered early. */
function reasonOfAbort({ signals, abort, error, timedOut, responseStarted }: CloseFacts): CloseReason {
  if (timedOut || (abort ?? abortOf(error)) === 'timed_out') return 'request_timeout';
  if (!responseStarted || signals?.complete) return 'request_aborted';
  return abort === 'unread' ? 'body_unread' : 'body_cancelled';
}

/** The timeout of an idle connection, unless the program had it still. */
function reasonOfTimeout({ signals, returnedToPool, expired }: CloseFacts): CloseReason {
  if (signals !== undefined && !returnedToPool) return 'request_timeout';
  return expired ? 'connection_expired' : 'client_idle_timeout';
}

/** undici closes a connection with "reset" if the response is complete and the connection cannot be reused. */
function reasonOfReset(facts: CloseFacts): CloseReason {
  if (facts.signals?.sent === false) return 'request_aborted'; // the response came before the request was sent
  return reasonFromSignals(facts) ?? 'server_close_header'; // an HTTP/1.0 response without a header
}

/** The reason in the headers or the method of the last request. If the agent took the connection back, only limits are left. */
function reasonFromSignals({ signals, requests, returnedToPool, poolWasFull }: CloseFacts): CloseReason | undefined {
  if (signals === undefined) return undefined;

  if (!returnedToPool) {
    if (signals.methodNotReusable) return 'not_reusable_method';
    if (signals.clientCloses) return signals.closeIsExplicit || requests <= 1 ? 'keep_alive_off' : 'max_requests';
    if (signals.serverCloses) return 'server_close_header';
  }
  if (signals.keepAlive !== undefined && signals.keepAlive <= signals.keepAliveMargin)
    return 'keep_alive_hint_too_short';
  return poolWasFull ? 'pool_full' : undefined;
}

/**
 * node:http closes idle connections without an error, whichever side began. If the agent had taken the connection back, most
 * likely the server closed it, although Agent.destroy() looks the same. If not, the program closed it.
 */
function reasonOfIdle({ signals, returnedToPool, expired }: CloseFacts): CloseReason {
  if (expired) return 'connection_expired';
  return signals === undefined || !returnedToPool ? 'client_shutdown' : 'server_idle_close';
}
