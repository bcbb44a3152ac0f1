import type { OpenCause } from '../../core/causes.ts';

/** How things stood when the connection was attempted. */
export interface Standing {
  /** The process had tried this origin before. */
  readonly originIsKnown: boolean;
  /** The pool had tried this origin before. Always so for sockets without a pool. */
  readonly poolIsKnown: boolean;
  /** A connection of the pool was open and no request on it. Never so for sockets without HTTP: nobody can tell. */
  readonly oneIsIdle: boolean;
}

/** How its pool stood: asked in this order, and no further than need be, for a pool may be large. */
export interface PoolStanding {
  /** The pool lost a connection that was not replaced yet. */
  readonly oneIsLost: boolean;
  /** A connection of the pool was held by a body that nobody reads. */
  readonly oneIsHeld: boolean;
  /** The pool had connections, open or opening. */
  readonly anyLive: boolean;
}

export function openCause({ originIsKnown, poolIsKnown, oneIsIdle }: Standing, pool: PoolStanding): OpenCause {
  if (!originIsKnown) return 'first';
  if (!poolIsKnown) return 'new_pool';
  if (oneIsIdle) return 'release_race';
  if (pool.oneIsLost) return 'replaced';
  if (pool.oneIsHeld) return 'body_held';
  if (pool.anyLive) return 'pool_busy';
  return 'unknown';
}
