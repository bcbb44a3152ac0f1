import type { Moments } from './phases.ts';

/** Where a connection failed. In `proxy`, it is open, but the proxy did not make the tunnel that it was opened for. */
export type Phase = 'dns' | 'connect' | 'tls' | 'proxy';

/** How an attempt to connect to one address ended. Happy Eyeballs makes several attempts per connection. */
export type Outcome = 'ok' | 'failed' | 'timed_out';

/** The common failures of each phase. Their series are initialised to zero, so that `rate()` sees the first failure. */
export const EXPECTED_FAILURES: Readonly<Record<Phase, readonly string[]>> = {
  dns: ['ENOTFOUND'],
  connect: ['ECONNREFUSED', 'ETIMEDOUT', 'EADDRNOTAVAIL'],
  tls: ['CERT_HAS_EXPIRED'],
  proxy: ['403', '407', '503'],
};

/** The label value for everything beyond a limit, and for errors without a usable code or name. */
export const OTHER = '_OTHER';

const VALID_ERROR_TYPE = /^\w{1,64}$/;
const OPENSSL_CODE = /^ERR_SSL_[\w/]{1,56}$/;

/**
 * The `error.type` of an error: Node's `code`, else the error's name, else `_OTHER`. Never the message, which is free text.
 * Some codes of OpenSSL contain a slash, which becomes an underscore: `ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED`.
 * https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
 */
export function errorType(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (typeof code === 'string') {
    if (VALID_ERROR_TYPE.test(code)) return code;
    if (OPENSSL_CODE.test(code)) return code.replaceAll('/', '_');
  }
  if (typeof name === 'string' && VALID_ERROR_TYPE.test(name)) return name;
  return OTHER;
}

/** The `error.type` of an attempt that the client gave up, if its error has no code: with a sign of a timer, and without. */
export const GIVEN_UP = ['timeout', 'aborted'] as const;
const [TIMEOUT, ABORTED] = GIVEN_UP;

/** What the errors of aborted attempts have as their code or name. Node writes `ECANCELED` if a handshake is cut off. */
const ABORTS: ReadonlySet<string> = new Set(['ABORT_ERR', 'AbortError', 'ERR_CANCELED', 'ECANCELED']);

/**
 * The `error.type` of a connection that failed to open. Codes of the system, of Node and of clients stay. Without one, the
 * client gave the attempt up, and the question is whether a timer of its own made it do so. `timedOut`: the socket emitted
 * 'timeout'.
 */
export function failureType(error: unknown, timedOut: boolean): string {
  const type = error === undefined ? ABORTED : errorType(error);
  const isAbort = type === ABORTED || ABORTS.has(type);
  const hasCode = type === codeOf(error).replaceAll('/', '_'); // as `errorType` writes OpenSSL's codes
  if (!isAbort && (syscallOf(error) !== '' || (hasCode && isTimeout(type)))) return type;
  if (saysTimeout(error) || saysTimeout(causeOf(error))) return TIMEOUT;
  if (timedOut && (isAbort || !hasCode)) return TIMEOUT;
  return isAbort ? ABORTED : type;
}

/** Whether the client itself ended the attempt. Otherwise the system did, or an option was invalid. */
export function isGivenUp(error: unknown): boolean {
  const code = codeOf(error);
  return ABORTS.has(code) || (syscallOf(error) === '' && !code.startsWith('ERR_'));
}

/** Whether a system call failed: the program's own errors have none. */
export function isOfSystem(error: unknown): boolean {
  return syscallOf(error) !== '';
}

/** Whether an error says in its code, name or message that time ran out. */
export function saysTimeout(error: unknown): boolean {
  return isTimeout(errorType(error)) || isTimeout(messageOf(error).slice(0, MAX_MESSAGE));
}

/** Far more than a message about a timeout needs. */
const MAX_MESSAGE = 500;

function isTimeout(text: string): boolean {
  return /tim(?:e|ed)[\s_-]?out/i.test(text);
}

/** The phase that a connection attempt is in. `tried`: it needs no lookup, or a connect to some address was attempted. */
export function currentPhase({ connected }: Moments, tried: boolean): Phase {
  if (connected !== undefined) return 'tls';
  return tried ? 'connect' : 'dns';
}

/** The phase in which a connection attempt failed. `tried` as above. */
export function failedPhase(moments: Moments, tried: boolean, error: unknown): Phase {
  return currentPhase(moments, tried || syscallOf(error) === 'bind');
}

export function failedOutcome(error: unknown, timedOut = false): Outcome {
  return isTimeout(failureType(error, timedOut)) ? 'timed_out' : 'failed';
}

/** Whether an error comes from the resolver. A custom `lookup` function may fail with other errors. */
export function isLookupFailure(error: unknown): boolean {
  return /^(getaddrinfo|query)/.test(syscallOf(error));
}

export function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : '';
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function causeOf(error: unknown): unknown {
  return ((error ?? {}) as { cause?: unknown }).cause;
}

function syscallOf(error: unknown): string {
  const { syscall } = (error ?? {}) as { syscall?: unknown };
  return typeof syscall === 'string' ? syscall : '';
}
