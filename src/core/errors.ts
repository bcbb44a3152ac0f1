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

/**
 * The `error.type` of an error: Node's `code`, else the error's name, else `_OTHER`. Never the message, which is free text.
 * https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
 */
export function errorType(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (typeof code === 'string' && VALID_ERROR_TYPE.test(code)) return code;
  if (typeof name === 'string' && VALID_ERROR_TYPE.test(name)) return name;
  return OTHER;
}

/** The phase in which a connection attempt failed. `tried`: a connect to some address was attempted. */
export function failedPhase({ connected }: Moments, tried: boolean, error: unknown): Phase {
  if (connected !== undefined) return 'tls';
  if (tried || syscallOf(error) === 'bind') return 'connect';
  return 'dns';
}

export function failedOutcome(error: unknown): Outcome {
  return /TIMEDOUT|TIMEOUT/.test(errorType(error)) ? 'timed_out' : 'failed';
}

/** Whether an error comes from the resolver. A custom `lookup` function may fail with other errors. */
export function isLookupFailure(error: unknown): boolean {
  return /^(getaddrinfo|query)/.test(syscallOf(error));
}

export function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : '';
}

function syscallOf(error: unknown): string {
  const { syscall } = (error ?? {}) as { syscall?: unknown };
  return typeof syscall === 'string' ? syscall : '';
}
