import type { OpenCause } from '../../core/causes.ts';

/** Facts about the origin and the pool at the time of the attempt. */
export interface OriginFacts {
  /** The process tried to connect to this origin before. */
  readonly originIsKnown: boolean;
  /** The pool tried to connect to this origin before. True for sockets without a pool. */
  readonly poolIsKnown: boolean;
  /** A connection of the pool was open and idle. False for sockets without HTTP, because their requests are not seen. */
  readonly hasIdle: boolean;
}

/** More facts about the pool. They are read only when they are needed, because a pool may be large. */
export interface PoolFacts {
  /** The pool lost a connection that no other replaced. */
  readonly hasUnreplacedLoss: boolean;
  /** A connection of the pool was held by a body that the program does not read. */
  readonly hasHeld: boolean;
  /** The pool had connections, open or opening. */
  readonly hasLive: boolean;
}

/** The cause of a new connection: the first that applies. */
export function openCause({ originIsKnown, poolIsKnown, hasIdle }: OriginFacts, pool: PoolFacts): OpenCause {
  if (!originIsKnown) return 'first';
  if (!poolIsKnown) return 'new_pool';
  if (hasIdle) return 'release_race';
  if (pool.hasUnreplacedLoss) return 'replaced';
  if (pool.hasHeld) return 'body_held';
  if (pool.hasLive) return 'pool_busy';
  return 'unknown';
}
