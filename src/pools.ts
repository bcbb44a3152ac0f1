import { openCause } from './causes.ts';
import { type Connection, isBusy, isHeld } from './connection.ts';
import type { Origin } from './origins.ts';
import type { CloseReason } from './reasons.ts';

/** Connections lost and not replaced yet, remembered per pool. */
const MOST_CREDITS = 256;
/** Rounds of the event loop after which an idle connection is back in undici's pool, with one to spare. */
const ROUNDS_TO_FREE = 3;
/** Origins remembered, of which far fewer have series of their own. */
const MOST_SITES = 5_000;
/** How long a connection must be free until opening another is no accident of a pool that all share. */
const LONG_FREE_SECONDS = 0.02;
/** Connections of a pool looked at to see how it stands; a pool with more is busy for sure. */
const MOST_LOOKED_AT = 100;

/** What one pool has to one origin: an agent of node:http, all of undici, or the sockets that have no pool. */
class Pool {
  readonly number: number | undefined;
  readonly live = new Set<Connection>();
  /** The reason of each loss, the oldest first: each close leaves one, each replacement takes one. */
  readonly credits: CloseReason[] = [];
  /** A connection was attempted, and the attempt did not fail. */
  tried = false;
  /** The connection lost last was closed by the program after its one request: a client per request. */
  endedAfterOne = false;

  constructor(number: number | undefined) {
    this.number = number;
  }
}

/** What the pools need from outside. */
interface Surroundings {
  readonly onNewPool: (origin: Origin) => void;
  readonly inNextRound: (run: () => void) => void;
  readonly reasonOf: (connection: Connection) => CloseReason;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
}

/** The pools of one origin. */
interface Site {
  tried: boolean;
  /** Connections of all its pools, open or opening. */
  live: number;
  readonly pools: WeakMap<object, Pool>;
}

/** The owners that stand for all of undici, and for no pool at all. */
const UNDICI = {};
const NOBODY = {};

const NONE: readonly Connection[] = [];

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
  readonly #onNewPool: (origin: Origin) => void;
  readonly #inNextRound: (run: () => void) => void;
  readonly #reasonOf: (connection: Connection) => CloseReason;
  readonly #now: () => number;
  readonly #sites = new Map<string, Site>();
  readonly #connectors = new WeakSet<object>();
  #count = 0;

  constructor({ onNewPool, inNextRound, reasonOf, now }: Surroundings) {
    this.#onNewPool = onNewPool;
    this.#inNextRound = inNextRound;
    this.#reasonOf = reasonOf;
    this.#now = now;
  }

  /** A connection is attempted: finds its pool, and says why it is opened. */
  joined(connection: Connection, origin: Origin): void {
    const site = this.#site(origin);
    const isUndici = ownedByUndici(connection);
    const pool = this.#pool(isUndici ? UNDICI : (connection.pool ?? NOBODY), site);
    const isNewConnector = isUndici && !this.#connectors.has(connection.pool as object);
    if (isUndici) this.#connectors.add(connection.pool as object);

    const others = this.#open(pool);
    const idle = isUndici ? others.filter(isIdle) : NONE; // node:http opens none while it has one, of others nobody can tell
    const spare = pool.credits.length === 0 ? others.find(isSpare) : undefined;
    const isAnothersPool = isNewConnector && (pool.endedAfterOne || idle.some(other => this.#isLongFree(other)));
    const oneIsLost = pool.credits.length > 0 || spare !== undefined;
    connection.cause = openCause({
      originIsKnown: site.tried,
      poolIsKnown: isUndici ? pool.tried && !isAnothersPool : pool.tried || connection.pool === undefined,
      // One that is free for long was passed over for another reason: undici prefers a place in its pool to a connection.
      oneIsIdle: idle.some(({ freeSince }) => freeSince === undefined) || (idle.length > 0 && !oneIsLost),
      oneIsLost,
      oneIsHeld: others.some(isHeld),
      anyLive: others.length > 0,
    });
    if (connection.cause === 'replaced') connection.predecessor = pool.credits.shift() ?? handedOn(spare);
    if (connection.cause === 'new_pool') {
      if (pool.endedAfterOne) pool.credits.pop();
      this.#onNewPool(origin);
    }
    if (isUndici && idle.length > 0) {
      const seen = idle.map(each => ({ each, requests: each.requests }));
      this.#afterRounds(ROUNDS_TO_FREE, () => {
        for (const { each, requests } of seen) if (each.requests === requests) this.#becomesFree(each);
      });
    }

    pool.endedAfterOne = false;
    site.tried = true;
    site.live++;
    pool.tried = true;
    pool.live.add(connection);
    connection.poolNumber = pool.number;
    connection.siblings = pool.live;
    connection.leave = reason => {
      connection.leave = undefined;
      left(connection, pool, site, reason);
    };
  }

  /** The pool's connections but for those on their way out, which are lost by now, though they are not closed yet. */
  #open(pool: Pool): readonly Connection[] {
    if (pool.live.size === 0) return NONE;

    const others = firstOf(pool.live, MOST_LOOKED_AT);
    for (const other of others) {
      if (!isClosing(other)) continue;

      other.reason = this.#reasonOf(other);
      lost(other, pool, other.reason);
    }
    return others.filter(other => pool.live.has(other));
  }

  /** undici takes a connection back late, by up to two rounds of the event loop; after that it is really free. */
  #becomesFree(connection: Connection): void {
    if (isIdle(connection)) connection.freeSince ??= this.#now();
  }

  #isLongFree({ freeSince }: Connection): boolean {
    return freeSince !== undefined && this.#now() - freeSince >= LONG_FREE_SECONDS;
  }

  #afterRounds(rounds: number, run: () => void): void {
    this.#inNextRound(rounds > 1 ? () => this.#afterRounds(rounds - 1, run) : run);
  }

  #site({ address, port }: Origin): Site {
    const key = `${address} ${port ?? ''}`;
    let site = this.#sites.get(key);
    if (site === undefined) {
      if (this.#sites.size >= MOST_SITES) this.#forget();
      site = { tried: false, live: 0, pools: new WeakMap() };
      this.#sites.set(key, site);
    }
    return site;
  }

  /** Forgets the oldest origin without connections, or the oldest: its next connection will be its first again. */
  #forget(): void {
    const oldest = firstOf(this.#sites, MOST_LOOKED_AT);
    const [key] = oldest.find(([, { live }]) => live === 0) ?? (oldest[0] as [string, Site]);
    this.#sites.delete(key);
  }

  #pool(owner: object, site: Site): Pool {
    let pool = site.pools.get(owner);
    if (pool === undefined) {
      pool = new Pool(owner === NOBODY ? undefined : ++this.#count);
      site.pools.set(owner, pool);
    }
    return pool;
  }
}

function ownedByUndici({ pool }: Connection): boolean {
  return typeof pool === 'function';
}

/** Open, and no request on it; one that never had any is not counted on: see `isSpare`. */
function isIdle(connection: Connection): boolean {
  return connection.opened !== undefined && connection.requests > 0 && !connection.goneAway && !isBusy(connection);
}

/**
 * Opened in the place of a lost one, and never used: undici opens one more where a request was aborted, and then uses
 * another (https://github.com/nodejs/undici/issues/5845). Whatever is opened next makes good the same loss.
 */
function isSpare(connection: Connection): boolean {
  const { predecessor, requests, opened } = connection;
  return ownedByUndici(connection) && predecessor !== undefined && requests === 0 && opened !== undefined;
}

function handedOn(spare: Connection | undefined): CloseReason | undefined {
  const predecessor = spare?.predecessor;
  if (spare !== undefined) spare.predecessor = undefined;
  return predecessor;
}

/** Its socket is destroyed, or ended by us, and its `close` is still to come. */
function isClosing({ opened, socket }: Connection): boolean {
  return opened !== undefined && (socket.destroyed || socket.writableEnded);
}

/** A connection is gone: closed, for a reason, or never opened. */
function left(connection: Connection, pool: Pool, site: Site, reason: CloseReason | undefined): void {
  const { cause, predecessor } = connection;
  site.live--;
  if (reason !== undefined) {
    lost(connection, pool, reason);
  } else if (pool.live.delete(connection)) {
    // The attempt failed: it took nobody's place, and the first one is still to come.
    if (predecessor !== undefined) pool.credits.unshift(predecessor);
    if (cause === 'first') site.tried = false;
    if (cause === 'first' || cause === 'new_pool') pool.tried = false;
  }
}

/** Leaves a credit, once. A spare leaves the one it was opened for. */
function lost(connection: Connection, pool: Pool, reason: CloseReason): void {
  if (!pool.live.delete(connection)) return;

  const { cause, predecessor, requests } = connection;
  const wasSpare = ownedByUndici(connection) && requests === 0 && cause === 'replaced';
  if (!wasSpare) pool.credits.push(reason);
  else if (predecessor !== undefined) pool.credits.push(predecessor);
  if (pool.credits.length > MOST_CREDITS) pool.credits.shift();
  const openedOne = cause === 'first' || cause === 'new_pool' || predecessor === 'client_shutdown';
  pool.endedAfterOne = ownedByUndici(connection) && reason === 'client_shutdown' && requests === 1 && openedOne;
}

function firstOf<T>(set: Iterable<T>, most: number): T[] {
  const first: T[] = [];
  for (const each of set) {
    if (first.length === most) break;
    first.push(each);
  }
  return first;
}
