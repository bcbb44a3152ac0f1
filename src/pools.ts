import { openCause } from './causes.ts';
import type { Connection } from './connection.ts';
import type { Origin } from './origins.ts';
import { firstOf, isIdle, type Owner, Pool, type ReasonOf, type Site } from './pool.ts';

/** Rounds of the event loop after which an idle connection is back in undici's pool, with one to spare. */
const ROUNDS_TO_FREE = 3;
/** Origins remembered, of which far fewer have series of their own. */
const MOST_SITES = 5_000;
/** Origins looked at to find one that can be forgotten. */
const MOST_LOOKED_AT = 100;
/** How long a connection must be free until opening another is no accident of a pool that all share. */
const LONG_FREE_SECONDS = 0.02;

/** What the pools need from outside. */
interface Surroundings {
  readonly onNewPool: (origin: Origin) => void;
  readonly inNextRound: (run: () => void) => void;
  readonly reasonOf: ReasonOf;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
}

/** The pools of one origin. */
interface SiteOfPools extends Site {
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
  readonly #outside: Surroundings;
  readonly #sites = new Map<string, SiteOfPools>();
  readonly #connectors = new WeakSet<object>();
  #count = 0;

  constructor(outside: Surroundings) {
    this.#outside = outside;
  }

  /** A connection is attempted: finds its pool, and says why it is opened. */
  joined(connection: Connection, origin: Origin, owner: object | undefined): void {
    const site = this.#site(origin);
    const pool = this.#poolOf(owner, site);
    const idle = pool.idle();
    const isAnothersPool = this.#isNewConnector(owner) && (pool.endedAfterOne || this.#someLongFree(idle));
    const standing = {
      originIsKnown: site.tried,
      poolIsKnown: pool.owner === 'nobody' || (pool.tried && !isAnothersPool),
      // One that is free for long was passed over for another reason: undici prefers a place in its pool to a connection.
      oneIsIdle: idle.some(({ freeSince }) => freeSince === undefined) || (idle.length > 0 && !pool.oneIsLost),
    };
    connection.cause = openCause(standing, pool);
    if (connection.cause === 'replaced') connection.predecessor = pool.takeLoss();
    if (connection.cause === 'new_pool') {
      if (pool.endedAfterOne) pool.forgetLoss();
      this.#outside.onNewPool(origin);
    }
    if (idle.length > 0) this.#watch(idle);

    pool.joined(connection);
  }

  #isNewConnector(owner: object | undefined): boolean {
    if (owner === undefined || !isConnector(owner) || this.#connectors.has(owner)) return false;

    this.#connectors.add(owner);
    return true;
  }

  #someLongFree(idle: readonly Connection[]): boolean {
    const now = this.#outside.now();
    return idle.some(({ freeSince }) => freeSince !== undefined && now - freeSince >= LONG_FREE_SECONDS);
  }

  /** undici takes a connection back late, by up to two rounds of the event loop; after that it is really free. */
  #watch(idle: readonly Connection[]): void {
    const seen = idle.map(each => ({ each, requests: each.requests }));
    this.#afterRounds(ROUNDS_TO_FREE, () => {
      for (const { each, requests } of seen) {
        if (each.requests === requests && isIdle(each)) each.freeSince ??= this.#outside.now();
      }
    });
  }

  #afterRounds(rounds: number, run: () => void): void {
    this.#outside.inNextRound(rounds > 1 ? () => this.#afterRounds(rounds - 1, run) : run);
  }

  #site({ address, port }: Origin): SiteOfPools {
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
    const [key] = oldest.find(([, { live }]) => live === 0) ?? (oldest[0] as [string, SiteOfPools]);
    this.#sites.delete(key);
  }

  #poolOf(owner: object | undefined, site: SiteOfPools): Pool {
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

  #newPool(owner: Owner, site: Site): Pool {
    return new Pool(owner, owner === 'nobody' ? undefined : ++this.#count, site, this.#outside.reasonOf);
  }
}

/** undici's way to open a connection, which is all it shows of a pool. */
function isConnector(owner: object): boolean {
  return typeof owner === 'function';
}
