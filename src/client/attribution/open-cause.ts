import type { OpenCause } from '../../core/causes.ts';

/** What is known about a connection that was opened, and about its pool at the time of the attempt. */
export interface OpenFacts {
  /** No other connection to its origin was opened before. */
  readonly isFirstOfOrigin: boolean;
  /** No other connection of its pool was opened before. */
  readonly isFirstOfPool: boolean;
  /** It takes the place of a connection that the pool lost. */
  readonly isReplacement: boolean;
  /** It is known which pool it belongs to. */
  readonly poolIsKnown: boolean;
  /** Another connection of the pool was idle. */
  readonly hadIdle: boolean;
}

/** What was true at the attempt about the other connections of the pool. Asked only if it matters. */
export interface OtherConnections<Member> {
  /** A response body that the program did not read held one of them. */
  hadHeld(member: Member): boolean;
  /** There were some, open or opening. */
  hadAny(member: Member): boolean;
}

/** The cause of a new connection: the first that applies. */
export function openCause<Member>(facts: OpenFacts, member: Member, others: OtherConnections<Member>): OpenCause {
  if (facts.isFirstOfOrigin) return 'first';
  if (facts.isFirstOfPool) return 'new_pool';
  if (facts.isReplacement) return 'replaced';
  if (!facts.poolIsKnown) return 'unknown';
  if (facts.hadIdle) return 'release_race';
  if (others.hadHeld(member)) return 'body_held';
  return others.hadAny(member) ? 'pool_busy' : 'unknown';
}
