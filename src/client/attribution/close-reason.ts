import { failedOutcome, messageOf } from '../../core/errors.ts';
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
  /** The response has arrived completely. */
  readonly complete: boolean;
  /** The request was destroyed. This is an abort only if the response is not complete. */
  readonly aborted: boolean;
  readonly upgraded: boolean;
}

/** What is known about an opened connection when it closes. */
export interface CloseFacts {
  readonly http: boolean;
  /** The first error of the socket. */
  readonly error: unknown;
  /** The server sent FIN first. */
  readonly serverEnded: boolean;
  /** The socket emitted 'timeout' since the last request was sent. */
  readonly timedOut: boolean;
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

/** Errors with which a server closes a connection. */
const SERVER_CLOSED: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** Texts of undici's errors. They are no API, so a live test checks them for each major version. */
const RESET = 'reset';
const IDLE = 'idle timeout';
const ABORTED = 'aborted';
const GOAWAY = 'GOAWAY';

/** The reason of a close: the first that applies. */
export function closeReason(facts: CloseFacts): CloseReason {
  const { http, error, signals, serverEnded, timedOut } = facts;
  if (facts.tunnel === 'refused') return 'proxy_refused';
  if (facts.tunnel === 'open' || (signals?.upgraded && facts.responseStarted)) return 'upgraded';
  if (facts.receivedGoaway) return 'goaway';
  const errorReason = error === undefined ? undefined : reasonFromError(facts);
  if (errorReason !== undefined) return errorReason;
  if (!http) return reasonWithoutHttp(facts);
  if (facts.tunnel === 'requested' && facts.responseStarted) return 'unknown'; // the client does not publish the answer

  const inExchange = isInExchange(facts);
  if (serverEnded) return reasonOfServer(facts);
  if (error !== undefined) return failedOutcome(error) === 'timed_out' && inExchange ? 'request_timeout' : 'error';
  if (timedOut) return inExchange ? 'request_timeout' : 'client_idle_timeout';
  if (inExchange) return signals?.aborted || facts.responseStarted ? reasonOfAbort(facts) : 'client_shutdown';
  return reasonFromSignals(facts) ?? reasonOfIdle(facts);
}

/** The reason of an error that is known to have only one. */
function reasonFromError(facts: CloseFacts): CloseReason | undefined {
  const { http, error } = facts;
  const { code } = (error ?? {}) as { code?: unknown };
  const text = messageOf(error);
  if (text.includes(GOAWAY)) return 'goaway';
  const byCode = BY_CODE.get(code);
  if (byCode !== undefined || !http) return byCode;

  if (code === 'UND_ERR_INFO' && text.includes(IDLE)) return 'client_idle_timeout';
  if (code === 'UND_ERR_INFO' && text === RESET) return reasonOfReset(facts);
  if (code === 'UND_ERR_INFO' && text === ABORTED) return reasonOfAbort(facts);
  if (code === 'UND_ERR_INFO') return 'unknown'; // a new text of undici
  if (code === 'ABORT_ERR' || code === 'UND_ERR_ABORTED') return reasonOfAbort(facts);
  return SERVER_CLOSED.has(code) ? reasonOfServer(facts) : undefined;
}

function isInExchange({ streams, signals, tunnel }: CloseFacts): boolean {
  return streams > 0 || tunnel === 'requested' || (signals !== undefined && !signals.complete);
}

function reasonOfServer(facts: CloseFacts): CloseReason {
  return isInExchange(facts) ? 'server_closed_active' : (reasonFromSignals(facts) ?? 'server_idle_close');
}

/** Without HTTP, it is only known which side closed the socket. */
function reasonWithoutHttp({ error, serverEnded, timedOut }: CloseFacts): CloseReason {
  if (error !== undefined) return 'error';
  if (serverEnded) return 'peer_closed';
  return timedOut ? 'client_idle_timeout' : 'client_closed';
}

function reasonOfAbort({ responseStarted }: CloseFacts): CloseReason {
  return responseStarted ? 'body_cancelled' : 'request_aborted';
}

/** undici closes a connection with "reset" if the response is complete and the connection cannot be reused. */
function reasonOfReset(facts: CloseFacts): CloseReason {
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
function reasonOfIdle({ signals, returnedToPool, streams }: CloseFacts): CloseReason {
  return signals === undefined || streams > 0 || !returnedToPool ? 'client_shutdown' : 'server_idle_close';
}
