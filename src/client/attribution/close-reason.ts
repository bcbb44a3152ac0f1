import { failedOutcome, messageOf } from '../../core/errors.ts';
import type { CloseReason } from '../../core/reasons.ts';

/** What the last request and its answer said of the connection's future. */
export interface KeepAliveSignals {
  /** The client does not use a connection again after such a request, as undici after HEAD. */
  readonly methodNotReusable: boolean;
  /** The request said that the connection ends with it. */
  readonly clientCloses: boolean;
  /** The program asked for that itself, by a header or an option. */
  readonly closeIsExplicit: boolean;
  /** The answer said so, or was HTTP/1.0. */
  readonly serverCloses: boolean;
  /** The seconds the server promised to keep it, where it did, and how many the client takes off. */
  readonly keepAlive: number | undefined;
  readonly keepAliveMargin: number;
  /** The answer has arrived to its end. */
  readonly complete: boolean;
  /** The program gave the request up. */
  readonly aborted: boolean;
  readonly upgraded: boolean;
}

/** What is known of an opened connection when it is closed. */
export interface CloseFacts {
  readonly http: boolean;
  /** What the socket met. */
  readonly error: unknown;
  /** The other side ended first. */
  readonly serverEnded: boolean;
  /** The socket's own timeout struck since its last request was sent. */
  readonly timedOut: boolean;
  readonly receivedGoaway: boolean;
  /** Undefined where it served none. */
  readonly signals: KeepAliveSignals | undefined;
  /** Requests are on it, as with HTTP/2. */
  readonly streams: number;
  /** The answer to the last request has begun. */
  readonly responseStarted: boolean;
  readonly requests: number;
  /** The agent had as many idle ones as it may when it took it back. */
  readonly poolWasFull: boolean;
  /** The agent had taken it back; false also where there is none that says so. */
  readonly returnedToPool: boolean;
}

const BY_CODE: ReadonlyMap<unknown, CloseReason> = new Map([
  ['UND_ERR_DESTROYED', 'client_shutdown'],
  ['UND_ERR_CLOSED', 'client_shutdown'],
  ['UND_ERR_HEADERS_TIMEOUT', 'request_timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'request_timeout'],
]);

/** The other side went away, in one way or another. */
const WENT_AWAY: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** undici says no more than this of its own closes; the texts are pinned by live tests, one a major. */
const RESET = 'reset';
const IDLE = 'idle timeout';
const ABORTED = 'aborted';
const GOAWAY = 'GOAWAY';

/** Exactly one reason per close, so that the reasons add up to the connections closed. */
export function closeReason(facts: CloseFacts): CloseReason {
  const { http, error, signals, serverEnded, timedOut } = facts;
  if (signals?.upgraded && facts.responseStarted) return 'upgraded';
  if (facts.receivedGoaway) return 'goaway';
  const told = error === undefined ? undefined : reasonFromError(facts);
  if (told !== undefined) return told;
  if (!http) return reasonWithoutHttp(facts);

  const inExchange = isInExchange(facts);
  if (serverEnded) return reasonOfServer(facts);
  if (error !== undefined) return failedOutcome(error) === 'timed_out' && inExchange ? 'request_timeout' : 'error';
  if (timedOut) return inExchange ? 'request_timeout' : 'client_idle_timeout';
  if (inExchange) return signals?.aborted || facts.responseStarted ? reasonOfAbort(facts) : 'client_shutdown';
  return reasonFromSignals(facts) ?? reasonOfIdle(facts);
}

/** What the error says by itself, where it is one of those we know. */
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
  if (code === 'UND_ERR_INFO') return 'unknown'; // a word of undici's own that nobody foresaw
  if (code === 'ABORT_ERR' || code === 'UND_ERR_ABORTED') return reasonOfAbort(facts);
  return WENT_AWAY.has(code) ? reasonOfServer(facts) : undefined;
}

function isInExchange({ streams, signals }: CloseFacts): boolean {
  return streams > 0 || (signals !== undefined && !signals.complete);
}

/** The other side ended it. */
function reasonOfServer(facts: CloseFacts): CloseReason {
  return isInExchange(facts) ? 'server_closed_active' : (reasonFromSignals(facts) ?? 'server_idle_close');
}

/** A socket without HTTP tells who ended it, and no more. */
function reasonWithoutHttp({ error, serverEnded, timedOut }: CloseFacts): CloseReason {
  if (error !== undefined) return 'error';
  if (serverEnded) return 'server_idle_close';
  return timedOut ? 'client_idle_timeout' : 'client_shutdown';
}

function reasonOfAbort({ responseStarted }: CloseFacts): CloseReason {
  return responseStarted ? 'body_abandoned' : 'request_aborted';
}

/** undici's "reset": the exchange is complete, and the connection is not to be used again. */
function reasonOfReset(facts: CloseFacts): CloseReason {
  return reasonFromSignals(facts) ?? 'server_close_header'; // HTTP/1.0 says nothing, and means it
}

/** What request and answer had said: the connection ends with them. One that the agent took back did not. */
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
 * node:http closes an idle connection without a word, whoever began. One that its agent had taken back went because the
 * server ended it (an Agent.destroy() looks the same); one still with the program was ended by the program.
 */
function reasonOfIdle({ signals, returnedToPool, streams }: CloseFacts): CloseReason {
  return signals === undefined || streams > 0 || !returnedToPool ? 'client_shutdown' : 'server_idle_close';
}
