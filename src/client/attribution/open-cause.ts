import type { OpenCause } from '../../core/causes.ts';

/** How things stood when the connection was attempted. */
export interface OriginFacts {
  /** The process had tried this origin before. */
  readonly originIsKnown: boolean;
  /** The pool had tried this origin before. Always so for sockets without a pool. */
  readonly poolIsKnown: boolean;
  /** A connection of the pool was open and no request on it. Never so for sockets without HTTP: nobody can tell. */
  readonly hasIdle: boolean;
}

/** How its pool stood: asked in this order, and no further than need be, for a pool may be large. */
export interface PoolFacts {
  /** The pool lost a connection that was not replaced yet. */
  readonly hasUnreplacedLoss: boolean;
  /** A connection of the pool was held by a body that nobody reads. */
  readonly hasHeld: boolean;
  /** The pool had connections, open or opening. */
  readonly hasLive: boolean;
}

export function openCause({ originIsKnown, poolIsKnown, hasIdle }: OriginFacts, pool: PoolFacts): OpenCause {
  if (!originIsKnown) return 'first';
  if (!poolIsKnown) return 'new_pool';
  if (hasIdle) return 'release_race';
  if (pool.hasUnreplacedLoss) return 'replaced';
  if (pool.hasHeld) return 'body_held';
  if (pool.hasLive) return 'pool_busy';
  return 'unknown';
}
