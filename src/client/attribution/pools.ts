import type { Origin } from '../../core/origins.ts';
import { openCause } from './open-cause.ts';
import { firstOf, type OriginState, type Owner, Pool } from './pool.ts';
import type { MemberStates, PoolMember } from './pool-member.ts';

/** Rounds of the event loop after which an idle connection is back in undici's pool, with one to spare. */
const ROUNDS_TO_FREE = 3;
/** Origins remembered, of which far fewer have series of their own. */
const MOST_SITES = 5_000;
/** Origins looked at to find one that can be forgotten. */
const MOST_LOOKED_AT = 100;
/** How long a connection must be free until opening another is no accident of a pool that all share. */
const LONG_FREE_SECONDS = 0.02;

/** What the pools need from outside. */
interface Dependencies {
  readonly onNewPool: (origin: Origin) => void;
  /** How many rounds the event loop has made. */
  readonly rounds: () => number;
  readonly states: MemberStates;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
}

/** The pools of one origin. */
interface OriginPools extends OriginState {
  undici: Pool | undefined;
  nobody: Pool | undefined;
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
  readonly #outside: Dependencies;
  readonly #sites = new Map<string, OriginPools>();
  readonly #connectors = new WeakSet<object>();
  #count = 0;

  constructor(outside: Dependencies) {
    this.#outside = outside;
  }

  /** A connection is attempted: finds its pool, and says why it is opened. */
  assign(connection: PoolMember, origin: Origin, owner: object | undefined): void {
    const site = this.#site(origin);
    const pool = this.#poolOf(owner, site);
    const idle = pool.idle();
    const isAnothersPool = this.#isNewConnector(owner) && (pool.lastClosedAfterOneRequest || this.#someLongFree(idle));
    const standing = {
      originIsKnown: site.tried,
      poolIsKnown: pool.owner === 'nobody' || (pool.tried && !isAnothersPool),
      // One that is free for long was passed over for another reason: undici prefers a place in its pool to a connection.
      hasIdle: idle.some(each => !this.#isFree(each)) || (idle.length > 0 && !pool.hasUnreplacedLoss),
    };
    connection.cause = openCause(standing, pool);
    if (connection.cause === 'replaced') connection.replacedReason = pool.takeLoss();
    if (connection.cause === 'new_pool') {
      if (pool.lastClosedAfterOneRequest) pool.forgetLoss();
      this.#outside.onNewPool(origin);
    }
    for (const each of idle) this.#note(each);

    pool.add(connection);
  }

  #isNewConnector(owner: object | undefined): boolean {
    if (owner === undefined || !isConnector(owner) || this.#connectors.has(owner)) return false;

    this.#connectors.add(owner);
    return true;
  }

  #someLongFree(idle: readonly PoolMember[]): boolean {
    const now = this.#outside.now();
    return idle.some(each => this.#isFree(each) && now - (each.seenIdle?.at ?? now) >= LONG_FREE_SECONDS);
  }

  /** undici takes a connection back late, by up to two rounds of the event loop; after that it is really free. */
  #isFree({ seenIdle, requests }: PoolMember): boolean {
    if (seenIdle === undefined || seenIdle.requests !== requests) return false;

    return this.#outside.rounds() - seenIdle.round >= ROUNDS_TO_FREE;
  }

  /** Notes when the connection was first seen idle since its last request. */
  #note(connection: PoolMember): void {
    const { seenIdle, requests } = connection;
    if (seenIdle?.requests === requests) return;

    connection.seenIdle = { at: this.#outside.now(), round: this.#outside.rounds(), requests };
  }

  #site({ address, port }: Origin): OriginPools {
    const key = `${address} ${port ?? ''}`;
    let site = this.#sites.get(key);
    if (site === undefined) {
      if (this.#sites.size >= MOST_SITES) this.#forget();
      site = { tried: false, live: 0, undici: undefined, nobody: undefined, agents: new WeakMap() };
      this.#sites.set(key, site);
    }
    return site;
  }

  /** Forgets the oldest origin without connections, or the oldest: its next connection will be its first again. */
  #forget(): void {
    const oldest = firstOf(this.#sites, MOST_LOOKED_AT);
    const [key] = oldest.find(([, { live }]) => live === 0) ?? (oldest[0] as [string, OriginPools]);
    this.#sites.delete(key);
  }

  #poolOf(owner: object | undefined, site: OriginPools): Pool {
    if (owner === undefined) {
      site.nobody ??= this.#newPool('nobody', site);
      return site.nobody;
    }
    if (isConnector(owner)) {
      site.undici ??= this.#newPool('undici', site);
      return site.undici;
    }
    let pool = site.agents.get(owner);
    if (pool === undefined) {
      pool = this.#newPool('agent', site);
      site.agents.set(owner, pool);
    }
    return pool;
  }

  #newPool(owner: Owner, site: OriginState): Pool {
    return new Pool(owner, owner === 'nobody' ? undefined : ++this.#count, site, this.#outside.states);
  }
}

/** undici's way to open a connection, which is all it shows of a pool. */
function isConnector(owner: object): boolean {
  return typeof owner === 'function';
}
