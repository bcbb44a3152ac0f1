import { First } from './first.ts';
import { Members } from './members.ts';
import type { OriginState, Pool } from './pool.ts';
import type { Owner, PoolIdentity } from './pool-identity.ts';
import { WaitingAttempts } from './waiting-attempts.ts';

/** For how long a pool that began beside others shows that the program makes one after another. */
const OVERLAP_SECONDS = 300;
/** How many pools are checked. */
const MAX_CHECKED = 8;
const MAX_LOST = 16;

export type MakePool = (owner: Owner, isKnown: boolean, origin: OriginPools) => Pool;

/** The pools of one origin. */
export class OriginPools implements OriginState {
  readonly first = new First();
  readonly waiting = new WaitingAttempts();
  readonly #known = new WeakMap<object, Pool>();
  /** All pools that undici does not show. */
  #unknown: Pool | undefined;
  /** Sockets without a client. */
  #none: Pool | undefined;
  /** The pools that have connections, open or opening. */
  readonly #live = new Members<Pool>();
  /** The pool that was the last to lose all its connections. */
  #latestEnded: Pool | undefined;
  /** Pools that lost their last connection after several requests. Their owners may make them anew, or be gone. */
  readonly #lost: Pool[] = [];
  #latestOverlap = -Infinity;

  get hasLive(): boolean {
    return this.#live.size > 0;
  }

  began(pool: Pool): void {
    this.#live.add(pool);
  }

  ended(pool: Pool): void {
    this.#live.delete(pool);
    if (pool.owner === 'none') return;

    this.#latestEnded = pool;
    if (pool.owner !== 'undici' || !pool.servedSeveral || pool.wasClosedByProgram) return;

    this.#lost.push(pool);
    if (this.#lost.length > MAX_LOST) this.#lost.shift();
  }

  /** Finds the pool with this identity, or creates it. `identity`: undefined for a socket without a client. */
  poolOf(identity: PoolIdentity | undefined, make: MakePool, now: () => number): Pool {
    if (identity === undefined) {
      this.#none ??= make('none', true, this);
      return this.#none;
    }
    if (identity.pool === undefined) {
      this.#unknown ??= make(identity.owner, false, this);
      return this.#unknown;
    }
    let pool = this.#known.get(identity.pool);
    if (pool === undefined) {
      pool = this.#poolContinuedBy(identity, now) ?? this.#newPool(identity, make, now);
      this.#known.set(identity.pool, pool);
    }
    return pool;
  }

  #newPool({ owner, isRenewed }: PoolIdentity, make: MakePool, now: () => number): Pool {
    const isBesideOthers = this.#hasPoolInUse;
    const pool = make(owner, true, this);
    pool.isDoubtful = isRenewed && this.#lost.shift() !== undefined;
    if (isBesideOthers && !pool.isDoubtful) this.#latestOverlap = now();
    return pool;
  }

  /** Beside others that are in use, only a pool that undici has dropped can be continued. */
  #poolContinuedBy(identity: PoolIdentity, now: () => number): Pool | undefined {
    if (!this.#hasPoolInUse) return this.#predecessorOf(identity, now);
    if (!identity.isRenewed) return undefined;

    for (let pool = this.#live.oldest; pool !== undefined; pool = pool.newer) if (pool.inherit()) return pool;
    return undefined;
  }

  /** Whether the program has a pool that it uses. If there are many, it has. */
  get #hasPoolInUse(): boolean {
    let checked = 0;
    for (let pool = this.#live.oldest; pool !== undefined; pool = pool.newer) {
      if (pool.owner === 'none') continue;
      if (++checked > MAX_CHECKED || pool.isInUse) return true;
    }
    return false;
  }

  /**
   * The pool that a new one continues: the last one, if only lost connections ended it. A program that makes one pool after
   * another, slower than its connections are lost, looks the same.
   */
  #predecessorOf({ owner, isRenewed }: PoolIdentity, now: () => number): Pool | undefined {
    const before = this.#latestToLeave;
    if (!isRenewed || before === undefined || before.owner !== owner || !before.isKnown) return undefined;
    const isOneAfterAnother = before.wasClosedByProgram || now() - this.#latestOverlap < OVERLAP_SECONDS;
    if (isOneAfterAnother && !before.wasDropped) return undefined;

    const index = this.#lost.indexOf(before);
    if (index >= 0) this.#lost.splice(index, 1);
    before.inherit();
    return before;
  }

  /** A pool whose last connections are about to close, else the one that ended last. */
  get #latestToLeave(): Pool | undefined {
    let latest = this.#live.newest;
    while (latest?.owner === 'none') latest = latest.older;
    return latest ?? this.#latestEnded;
  }
}
