import type { OpenCause } from '../../core/causes.ts';
import { OriginMap } from '../../core/origin-map.ts';
import type { Origin } from '../../core/origins.ts';
import type { CloseReason } from '../../core/reasons.ts';
import type { OpeningProblem } from './call-sites.ts';
import { explanationOf } from './losses.ts';
import { type MakePool, OriginPools } from './origin-pools.ts';
import { Pool, type PoolContext } from './pool.ts';
import type { PoolIdentity } from './pool-identity.ts';
import type { MemberStates, Place, PoolMember } from './pool-member.ts';

/** How many origins are remembered. Far fewer of them have series. */
const MAX_ORIGINS = 5_000;
/** How many origins are checked to find one that can be forgotten. */
const MAX_CHECKED = 100;

/** Why a connection was opened, as far as it is known now. */
export interface LikelyCause {
  readonly cause: OpenCause;
  readonly replacedReason: CloseReason | undefined;
}

interface Dependencies {
  /** The line of the program that makes the request now, if many connections are opened to its origin. */
  readonly callSiteOf: (origin: Origin) => string | undefined;
  readonly onOpened: (origin: Origin, problem: OpeningProblem, callSite: string | undefined) => void;
  readonly states: MemberStates;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
}

/**
 * Decides which pool a connection belongs to, and why it was opened.
 *
 * Facts are frozen at the attempt. But most clients show only later which pool the attempt was for: undici when it is connected,
 * an agent that connects by itself with the first response. And only later is it known which connections opened before this
 * one. So the cause is decided when the connection is counted.
 */
export class Pools {
  readonly #dependencies: Dependencies;
  readonly #context: PoolContext;
  readonly #origins = new OriginMap<OriginPools>();
  /** By the connector or the Client of undici. */
  readonly #places = new WeakMap<object, Place>();
  #order = 0;
  #count = 0;

  constructor(dependencies: Dependencies) {
    const { states, now } = dependencies;
    this.#dependencies = dependencies;
    this.#context = { states, now, nextOrder: () => ++this.#order };
  }

  /** A connection is attempted. */
  attempted(member: PoolMember): void {
    member.order = ++this.#order;
  }

  /** undici has announced the attempt. The code of the request is on the stack, but the pool is not known yet. */
  announced(member: PoolMember, origin: Origin, connector: object): void {
    const { waiting } = this.#poolsOf(origin);
    waiting.add(member.order);
    member.waitsWith = waiting;
    member.openedAt = this.#dependencies.callSiteOf(origin);
    // Anybody can publish a message without a connector.
    if (typeof connector === 'function') this.#placeOf(connector);
  }

  /** The attempt failed, or it is for another client than it seemed. */
  withdraw(member: PoolMember): void {
    stopWaiting(member);
    member.pool?.remove(member);
  }

  /** The pool of the connection is known. `identity`: undefined for a socket without a client. */
  assign(member: PoolMember, origin: Origin, identity: PoolIdentity | undefined): void {
    const pools = this.#poolsOf(origin);
    stopWaiting(member);
    if (identity?.slot !== undefined) member.place = this.#placeOf(identity.slot);
    member.isOrphan = identity?.slot?.closed === true;
    // undici has announced its attempts. For others, the code of the request is on the stack now, if it ever is.
    if (identity !== undefined && identity.owner !== 'undici') member.openedAt = this.#dependencies.callSiteOf(origin);
    const pool = pools.poolOf(identity, this.#newPool, this.#context.now);
    pool.limit = identity?.limit ?? Infinity;
    pool.add(member);
  }

  /** Only now is it known which pool the connection belongs to. */
  reassign(member: PoolMember, origin: Origin, identity: PoolIdentity): void {
    const { place } = member;
    if (member.cause !== 'pending') return;

    this.withdraw(member);
    member.place = place;
    this.assign(member, origin, identity);
  }

  /** The cause of an opened connection. It does not change any more. */
  decideCause(member: PoolMember, origin: Origin): void {
    if (member.cause !== 'pending') return;

    member.cause = member.pool?.causeOf(member) ?? 'unknown';
    if (member.cause === 'replaced' && member.replaces !== undefined)
      member.replacedReason = explanationOf(member.replaces);
    const problem = problemOf(member);
    if (problem !== undefined) this.#dependencies.onOpened(origin, problem, member.openedAt);
    member.openedAt = undefined;
  }

  /** The cause as far as it is known. `decideCause` may still find another one. */
  likelyCauseOf(member: PoolMember, origin: Origin): LikelyCause {
    const { pool, replaces } = member;
    const isFirst = pool === undefined && this.#poolsOf(origin).first.is(member.order);
    const cause = pool?.likelyCauseOf(member) ?? (isFirst ? 'first' : 'unknown');
    const isReplacement = cause === 'replaced' && replaces !== undefined;
    return { cause, replacedReason: isReplacement ? explanationOf(replaces) : undefined };
  }

  closed(member: PoolMember, reason: CloseReason): void {
    stopWaiting(member);
    member.pool?.closed(member, reason);
  }

  #placeOf(slot: object): Place {
    let place = this.#places.get(slot);
    if (place === undefined) {
      place = { latestLoss: undefined };
      this.#places.set(slot, place);
    }
    return place;
  }

  #poolsOf(origin: Origin): OriginPools {
    let pools = this.#origins.get(origin);
    if (pools === undefined) {
      if (this.#origins.size >= MAX_ORIGINS) this.#forgetOldestOrigin();
      pools = new OriginPools();
      this.#origins.set(origin, pools);
    }
    return pools;
  }

  /** Forgets the oldest origin without connections, or else the oldest. The next connection to it has the cause `first`. */
  #forgetOldestOrigin(): void {
    let oldest: Origin | undefined;
    let checked = 0;
    for (const [origin, { hasLive }] of this.#origins) {
      oldest ??= origin;
      if (!hasLive) oldest = origin;
      if (!hasLive || ++checked === MAX_CHECKED) break;
    }
    if (oldest !== undefined) this.#origins.delete(oldest);
  }

  readonly #newPool: MakePool = (owner, isKnown, origin) =>
    new Pool(owner, owner === 'none' ? undefined : ++this.#count, isKnown, origin, this.#context);
}

function problemOf({ cause, replacedReason }: PoolMember): OpeningProblem | undefined {
  if (cause === 'replaced') return replacedReason;
  return cause === 'pending' || cause === 'first' || cause === 'unknown' ? undefined : cause;
}

function stopWaiting(member: PoolMember): void {
  member.waitsWith?.remove();
  member.waitsWith = undefined;
}
