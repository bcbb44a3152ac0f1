import type { Origin } from '../../core/origins.ts';
import { openCause } from './open-cause.ts';
import { firstItems, type OriginState, type Owner, Pool } from './pool.ts';
import type { MemberStates, PoolMember } from './pool-member.ts';

/** Rounds of the event loop after which an idle connection is back in undici's pool, with one to spare. */
const ROUNDS_TO_FREE = 3;
/** Origins remembered, of which far fewer have series of their own. */
const MAX_ORIGINS = 5_000;
/** Origins looked at to find one that can be forgotten. */
const MAX_CHECKED = 100;
/** How long a connection must be free until opening another is no accident of a pool that all share. */
const LONG_IDLE_SECONDS = 0.02;

/** What the pools need from outside. */
interface Dependencies {
  readonly onNewPool: (origin: Origin) => void;
  /** How many rounds the event loop has made. */
  readonly loopCount: () => number;
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
 * Who opens connections to what, and what became of them: enough to say why the next one is opened.
 *
 * An agent of node:http is known by itself. undici shows the connector, a function: undici 6 has one a pool, undici 7 and
 * 8 one a connection, kept while that is replaced; and its Agent drops a pool with its last connection, to make a new one
 * for the next request. So undici's connections to an origin are judged together, and a connector never seen before is
 * taken for another pool's only where a shared one would not have needed it: a connection was free, or was closed by the
 * program itself.
 */
export class Pools {
  readonly #dependencies: Dependencies;
  readonly #origins = new Map<string, OriginPools>();
  readonly #connectors = new WeakSet<object>();
  #count = 0;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /** A connection is attempted: finds its pool, and says why it is opened. */
  assign(connection: PoolMember, origin: Origin, owner: object | undefined): void {
    const known = this.#poolsOf(origin);
    const pool = this.#poolOf(owner, known);
    const idle = pool.idle();
    const isAnothersPool = this.#isNewConnector(owner) && (pool.lastClosedAfterOneRequest || this.#hasLongIdle(idle));
    const facts = {
      originIsKnown: known.attempted,
      poolIsKnown: pool.owner === 'none' || (pool.attempted && !isAnothersPool),
      // One that is free for long was passed over for another reason: undici prefers a place in its pool to a connection.
      hasIdle: idle.some(each => !this.#isBackInPool(each)) || (idle.length > 0 && !pool.hasUnreplacedLoss),
    };
    connection.cause = openCause(facts, pool);
    if (connection.cause === 'replaced') connection.replacedReason = pool.takeOldestLoss();
    if (connection.cause === 'new_pool') {
      if (pool.lastClosedAfterOneRequest) pool.dropLatestLoss();
      this.#dependencies.onNewPool(origin);
    }
    for (const each of idle) this.#noteIdle(each);

    pool.add(connection);
  }

  #isNewConnector(owner: object | undefined): boolean {
    if (owner === undefined || !isConnector(owner) || this.#connectors.has(owner)) return false;

    this.#connectors.add(owner);
    return true;
  }

  #hasLongIdle(idle: readonly PoolMember[]): boolean {
    const now = this.#dependencies.now();
    return idle.some(each => this.#isBackInPool(each) && now - (each.seenIdle?.at ?? now) >= LONG_IDLE_SECONDS);
  }

  /** undici takes a connection back late, by up to two rounds of the event loop; after that it is really free. */
  #isBackInPool({ seenIdle, requests }: PoolMember): boolean {
    if (seenIdle === undefined || seenIdle.requests !== requests) return false;

    return this.#dependencies.loopCount() - seenIdle.loopCount >= ROUNDS_TO_FREE;
  }

  /** Notes when the connection was first seen idle since its last request. */
  #noteIdle(connection: PoolMember): void {
    const { seenIdle, requests } = connection;
    if (seenIdle?.requests === requests) return;

    connection.seenIdle = { at: this.#dependencies.now(), loopCount: this.#dependencies.loopCount(), requests };
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

  /** Forgets the oldest origin without connections, or the oldest: its next connection will be its first again. */
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

/** undici's way to open a connection, which is all it shows of a pool. */
function isConnector(owner: object): boolean {
  return typeof owner === 'function';
}
