import { First } from './first.ts';
import type { OriginState, Pool } from './pool.ts';
import type { PoolIdentity } from './pool-identity.ts';
import { WaitingAttempts } from './waiting-attempts.ts';

/** For how long a pool that began beside others shows that the program makes one after another. */
const OVERLAP_SECONDS = 300;

/** The pools of one origin. */
export class OriginPools implements OriginState {
  readonly first = new First();
  readonly waiting = new WaitingAttempts();
  readonly #known = new WeakMap<object, Pool>();
  /** All pools that undici does not show. */
  #unknown: Pool | undefined;
  /** Sockets without a client. */
  #none: Pool | undefined;
  /** How many pools have connections, open or opening. */
  #live = 0;
  /** The pool that was the last to lose all its connections. */
  #latestEnded: Pool | undefined;
  #latestOverlap = -Infinity;

  get hasLive(): boolean {
    return this.#live > 0 || (this.#none?.live.size ?? 0) > 0;
  }

  began({ owner }: Pool): void {
    if (owner !== 'none') this.#live++;
  }

  ended(pool: Pool): void {
    if (pool.owner === 'none') return;

    this.#live--;
    this.#latestEnded = pool;
  }

  /** Finds the pool with this identity, or creates it. `identity`: undefined for a socket without a client. */
  poolOf(identity: PoolIdentity | undefined, create: (isKnown: boolean) => Pool, now: number): Pool {
    if (identity === undefined) {
      this.#none ??= create(true);
      return this.#none;
    }
    if (identity.pool === undefined) {
      this.#unknown ??= create(false);
      return this.#unknown;
    }
    let pool = this.#known.get(identity.pool);
    if (pool === undefined) {
      if (this.#live > 0) this.#latestOverlap = now;
      pool = this.#predecessorOf(identity, now) ?? create(true);
      this.#known.set(identity.pool, pool);
    }
    return pool;
  }

  /**
   * The pool that a new one continues: the last one, if only lost connections ended it. A program that makes one pool after
   * another, slower than its connections are lost, looks the same.
   */
  #predecessorOf({ owner, isRenewed }: PoolIdentity, now: number): Pool | undefined {
    const before = this.#latestEnded;
    if (!isRenewed || this.#live > 0 || before === undefined || before.owner !== owner || !before.isKnown)
      return undefined;

    const isOneAfterAnother = before.wasClosedByProgram || now - this.#latestOverlap < OVERLAP_SECONDS;
    return isOneAfterAnother ? undefined : before;
  }
}
