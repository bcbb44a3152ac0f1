import type { Origin } from '../../core/origins.ts';
import { openCause } from './open-cause.ts';
import { firstItems, type OriginState, type Owner, Pool } from './pool.ts';
import type { MemberStates, PoolMember, SeenIdle } from './pool-member.ts';

/** After this many iterations of the event loop, an idle connection is back in undici's pool. One more than undici needs. */
const LOOPS_UNTIL_BACK_IN_POOL = 3;
/** If a connection was idle for longer than this, a pool that everyone shares would have used it. */
const LONG_IDLE_SECONDS = 0.02;
/** How many origins are remembered. Far fewer of them have series. */
const MAX_ORIGINS = 5_000;
/** How many origins are checked to find one that can be forgotten. */
const MAX_CHECKED = 100;

interface Dependencies {
  readonly onNewPool: (origin: Origin) => void;
  /** Calls the function in the next iteration of the event loop, unless the process ends before. */
  readonly inNextLoop: (run: () => void) => void;
  readonly states: MemberStates;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
}

/** The pools of one origin. */
interface OriginPools extends OriginState {
  undici: Pool | undefined;
  none: Pool | undefined;
  readonly agents: WeakMap<object, Pool>;
}

/**
 * Decides which pool a connection belongs to, and why it was opened.
 *
 * The pool of node:http is the agent. undici does not publish its pools, only the connector (a function): undici 6 has one
 * connector per pool, undici 7 and 8 have one per connection slot. undici's Agent also drops the pool of an origin with the
 * last connection, and makes a new one for the next request. So all undici connections to an origin are treated as one
 * pool. A new connector belongs to another pool only if a shared pool would not have opened a connection: one was idle for
 * a while, or the program itself had closed the last one after its only request.
 */
export class Pools {
  readonly #dependencies: Dependencies;
  readonly #origins = new Map<string, OriginPools>();
  readonly #connectors = new WeakSet<object>();
  #count = 0;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** A connection is attempted: finds its pool and its cause. `owner`: an agent of node:http or a connector of undici. */
  assign(connection: PoolMember, origin: Origin, owner: object | undefined): void {
    const known = this.#poolsOf(origin);
    const pool = this.#poolOf(owner, known);
    const idle = pool.reusable();
    const isOtherPool = this.#isNewConnector(owner) && (pool.lastClosedAfterOneRequest || this.#hasLongIdle(idle));
    const facts = {
      originIsKnown: known.attempted,
      poolIsKnown: pool.owner === 'none' || (pool.attempted && !isOtherPool),
      // Even if one is in the pool, undici reconnects an empty slot before it uses an idle connection in a later slot.
      hasIdle: idle.some(each => backSince(each) === undefined) || (idle.length > 0 && !pool.hasUnreplacedLoss),
    };
    connection.cause = openCause(facts, pool);
    if (connection.cause === 'replaced') connection.replacedReason = pool.takeOldestLoss();
    if (connection.cause === 'new_pool') {
      if (pool.lastClosedAfterOneRequest) pool.dropLatestLoss();
      this.#dependencies.onNewPool(origin);
    }
    this.#noteIdle(idle);

    pool.add(connection);
  }

  #isNewConnector(owner: object | undefined): boolean {
    if (owner === undefined || !isConnector(owner) || this.#connectors.has(owner)) return false;

    this.#connectors.add(owner);
    return true;
  }

  #hasLongIdle(idle: readonly PoolMember[]): boolean {
    const now = this.#dependencies.now();
    return idle.some(each => now - (backSince(each) ?? now) >= LONG_IDLE_SECONDS);
  }

  /** Up to two iterations of the event loop pass until undici takes an idle connection back. */
  #noteIdle(idle: readonly PoolMember[]): void {
    const noted: SeenIdle[] = [];
    for (const each of idle) {
      if (each.seenIdle?.requests === each.requests) continue;
      each.seenIdle = { requests: each.requests, backSince: undefined };
      noted.push(each.seenIdle);
    }
    if (noted.length > 0) this.#areBackAfter(LOOPS_UNTIL_BACK_IN_POOL, noted);
  }

  /** Time counts only after these iterations: one that takes long must not look like a long idle time. */
  #areBackAfter(loops: number, noted: readonly SeenIdle[]): void {
    if (loops > 0) {
      this.#dependencies.inNextLoop(() => this.#areBackAfter(loops - 1, noted));
      return;
    }
    const now = this.#dependencies.now();
    for (const each of noted) each.backSince = now;
  }

  #poolsOf({ address, port }: Origin): OriginPools {
    const key = `${address} ${port ?? ''}`;
    let pools = this.#origins.get(key);
    if (pools === undefined) {
      if (this.#origins.size >= MAX_ORIGINS) this.#forgetOldestOrigin();
      pools = { attempted: false, live: 0, undici: undefined, none: undefined, agents: new WeakMap() };
      this.#origins.set(key, pools);
    }
    return pools;
  }

  /** Forgets the oldest origin without connections, or else the oldest. The next connection to it has the cause `first`. */
  #forgetOldestOrigin(): void {
    const oldest = firstItems(this.#origins, MAX_CHECKED);
    const [key] = oldest.find(([, { live }]) => live === 0) ?? (oldest[0] as [string, OriginPools]);
    this.#origins.delete(key);
  }

  #poolOf(owner: object | undefined, origin: OriginPools): Pool {
    if (owner === undefined) {
      origin.none ??= this.#newPool('none', origin);
      return origin.none;
    }
    if (isConnector(owner)) {
      origin.undici ??= this.#newPool('undici', origin);
      return origin.undici;
    }
    let pool = origin.agents.get(owner);
    if (pool === undefined) {
      pool = this.#newPool('agent', origin);
      origin.agents.set(owner, pool);
    }
    return pool;
  }

  #newPool(owner: Owner, origin: OriginState): Pool {
    return new Pool(owner, owner === 'none' ? undefined : ++this.#count, origin, this.#dependencies.states);
  }
}

/** Since when an idle connection can be used again. Undefined if it cannot, or if that is not known. */
function backSince({ seenIdle, requests }: PoolMember): number | undefined {
  return seenIdle?.requests === requests ? seenIdle.backSince : undefined;
}

/** The connectors of undici are functions. Agents of node:http are not. */
function isConnector(owner: object): boolean {
  return typeof owner === 'function';
}
