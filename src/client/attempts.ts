import type { Outcome } from '../core/errors.ts';
import type { NetworkType } from '../metrics/origin-counts.ts';

/** One attempt to connect to one address. The outcome is undefined while the attempt runs. */
export interface Attempt {
  readonly type: NetworkType;
  readonly outcome: Outcome | undefined;
}

/** The attempts of a connection, in order. They never change, so that connections share them. */
export type Attempts = readonly Attempt[];

export const NO_ATTEMPTS: Attempts = [];

/** Another address is tried. */
export function withAttempt(attempts: Attempts, type: NetworkType): Attempts {
  return attempts.length === 0 ? single(type, undefined) : [...attempts, { type, outcome: undefined }];
}

/** The last attempt has this outcome, unless it has one already. */
export function withOutcome(attempts: Attempts, outcome: Outcome): Attempts {
  const last = attempts.at(-1);
  if (last === undefined || last.outcome !== undefined) return attempts;
  return attempts.length === 1 ? single(last.type, outcome) : [...attempts.slice(0, -1), { type: last.type, outcome }];
}

/** Most connections try one address. There are so few different ones that each is made once. */
function single(type: NetworkType, outcome: Outcome | undefined): Attempts {
  const singles = SINGLES[type];
  let attempts = singles.get(outcome);
  if (attempts === undefined) {
    attempts = [{ type, outcome }];
    singles.set(outcome, attempts);
  }
  return attempts;
}

const SINGLES: Readonly<Record<NetworkType, Map<Outcome | undefined, Attempts>>> = { ipv4: new Map(), ipv6: new Map() };
