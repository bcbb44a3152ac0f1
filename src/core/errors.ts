import type { Moments } from './phases.ts';

/** The phases a connection can fail in. */
export type Phase = 'dns' | 'connect' | 'tls';

/** How one attempt to reach one address ended (Happy Eyeballs makes several per connection). */
export type Outcome = 'ok' | 'failed' | 'timed_out';

/** Failures that may well happen in a phase: their series are born at zero, so that `rate` sees the first one. */
export const EXPECTED_FAILURES: Readonly<Record<Phase, readonly string[]>> = {
  dns: ['ENOTFOUND'],
  connect: ['ECONNREFUSED', 'ETIMEDOUT', 'EADDRNOTAVAIL'],
  tls: ['CERT_HAS_EXPIRED'],
};

/** What stands for an `error.type` that nobody foresaw, or one too many. */
export const OTHER = '_OTHER';

const SPEAKABLE = /^\w{1,64}$/;

/**
 * The `error.type` of an error: Node's `code`, else the error's name, else `_OTHER`. Never the free-form message.
 * https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
 */
export function errorType(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (typeof code === 'string' && SPEAKABLE.test(code)) return code;
  if (typeof name === 'string' && SPEAKABLE.test(name)) return name;
  return OTHER;
}

/** The phase in which a connection that never opened ended. `tried`: an address was dialled. */
export function failedPhase({ connected }: Moments, tried: boolean, error: unknown): Phase {
  if (connected !== undefined) return 'tls';
  if (tried || syscallOf(error) === 'bind') return 'connect';
  return 'dns';
}

export function failedOutcome(error: unknown): Outcome {
  return /TIMEDOUT|TIMEOUT/.test(errorType(error)) ? 'timed_out' : 'failed';
}

/** Whether an error is the resolver's own: a `lookup` function that keeps failures may throw others. */
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
