import type { CloseReason } from '../../core/reasons.ts';
import type { PoolFacts } from './open-cause.ts';
import type { MemberPool, MemberStates, PoolMember } from './pool-member.ts';

/** Connections lost and not replaced yet, remembered per pool. */
const MAX_UNREPLACED_LOSSES = 256;
/** Connections of a pool looked at to see how it stands; a pool with more is busy for sure. */
const MAX_MEMBERS_CHECKED = 100;

const NONE: readonly PoolMember[] = [];

/** Who opens the connections: an agent of node:http, undici, or a socket by itself. */
export type Owner = 'agent' | 'undici' | 'none';

/** What all pools of one origin share. */
export interface OriginState {
  /** A connection was attempted, and the attempt did not fail. */
  attempted: boolean;
  /** Connections of all its pools, open or opening. */
  live: number;
}

/** What one pool has to one origin, and what became of what it had. */
export class Pool implements MemberPool, PoolFacts {
  readonly owner: Owner;
  /** Undefined for sockets without one. */
  readonly number: number | undefined;
  readonly live = new Set<PoolMember>();
  /** As for the site. */
  attempted = false;
  /** The connection lost last was closed by the program after its one request: a client per request. */
  lastClosedAfterOneRequest = false;
  /** The reason of each loss, the oldest first: each close leaves one, each replacement takes one. */
  readonly #unreplacedLosses: CloseReason[] = [];
  readonly #origin: OriginState;
  readonly #states: MemberStates;

  constructor(owner: Owner, number: number | undefined, origin: OriginState, states: MemberStates) {
    this.owner = owner;
    this.number = number;
    this.#origin = origin;
    this.#states = states;
  }

  /** A connection of it is attempted. */
  add(connection: PoolMember): void {
    this.lastClosedAfterOneRequest = false;
    this.attempted = true;
    this.live.add(connection);
    this.#origin.attempted = true;
    this.#origin.live++;
    connection.pool = this;
    connection.poolNumber = this.number;
  }

  /** One is gone: closed, for a reason, or never opened. */
  remove(connection: PoolMember, reason: CloseReason | undefined): void {
    connection.pool = undefined;
    this.#origin.live--;
    if (reason === undefined) this.#attemptFailed(connection);
    else this.#recordLoss(connection, reason);
  }

  get hasUnreplacedLoss(): boolean {
    if (this.#unreplacedLosses.length > 0) return true;

    let looked = 0;
    for (const connection of this.live) {
      if (looked++ === MAX_MEMBERS_CHECKED) break;
      if (this.#states.isClosing(connection)) this.#recordEarlyLoss(connection);
      if (this.#unreplacedLosses.length > 0) return true;
    }
    return this.#unusedReplacement() !== undefined;
  }

  /** The reason of the oldest loss, which is made good now. */
  takeOldestLoss(): CloseReason | undefined {
    const credit = this.#unreplacedLosses.length === 1 ? this.#unreplacedLosses.pop() : this.#unreplacedLosses.shift(); // to shift is dear
    if (credit !== undefined) return credit;

    const spare = this.#unusedReplacement();
    if (spare !== undefined) spare.lossReassigned = true;
    return spare?.replacedReason;
  }

  /** The loss of the latest is no reason to replace it. */
  dropLatestLoss(): void {
    this.#unreplacedLosses.pop();
  }

  /** Those without a request, of undici's: node:http opens none while it has one, of others nobody can tell. */
  idle(): readonly PoolMember[] {
    if (this.owner !== 'undici') return NONE;

    const idle: PoolMember[] = [];
    let looked = 0;
    for (const connection of this.live) {
      if (looked++ === MAX_MEMBERS_CHECKED) break;
      if (this.#states.isClosing(connection)) this.#recordEarlyLoss(connection);
      else if (this.isIdle(connection)) idle.push(connection);
    }
    return idle;
  }

  /** Open, and no request on it; one that never had any is not counted on: see `isSpare`. */
  isIdle(member: PoolMember): boolean {
    return member.opened !== undefined && member.requests > 0 && !member.receivedGoaway && !this.#states.isBusy(member);
  }

  get hasHeld(): boolean {
    return this.#firstMembers().some(each => this.#states.isHeld(each));
  }

  get hasLive(): boolean {
    return this.live.size > 0;
  }

  /** It is on its way out: lost by now, though it is not closed yet. */
  #recordEarlyLoss(connection: PoolMember): void {
    connection.reason = this.#states.reasonOf(connection);
    this.#recordLoss(connection, connection.reason);
  }

  /** Leaves a credit, once; a spare leaves the one it was opened for. */
  #recordLoss(connection: PoolMember, reason: CloseReason): void {
    if (!this.live.delete(connection)) return;

    const { cause, requests } = connection;
    const madeGood = replacedLossOf(connection);
    const ofUndici = this.owner === 'undici';
    const wasSpare = ofUndici && requests === 0 && cause === 'replaced';
    if (!wasSpare) this.#unreplacedLosses.push(reason);
    else if (madeGood !== undefined) this.#unreplacedLosses.push(madeGood);
    if (this.#unreplacedLosses.length > MAX_UNREPLACED_LOSSES) this.#unreplacedLosses.shift();
    const openedOne = cause === 'first' || cause === 'new_pool' || madeGood === 'client_shutdown';
    this.lastClosedAfterOneRequest = ofUndici && reason === 'client_shutdown' && requests === 1 && openedOne;
  }

  /** The attempt failed: it took nobody's place, and the first one is still to come. */
  #attemptFailed(connection: PoolMember): void {
    if (!this.live.delete(connection)) return;

    const { cause } = connection;
    const madeGood = replacedLossOf(connection);
    if (madeGood !== undefined) this.#unreplacedLosses.unshift(madeGood);
    if (cause === 'first') this.#origin.attempted = false;
    if (cause === 'first' || cause === 'new_pool') this.attempted = false;
  }

  #unusedReplacement(): PoolMember | undefined {
    return this.owner === 'undici' ? this.#firstMembers().find(isUnusedReplacement) : undefined;
  }

  #firstMembers(): PoolMember[] {
    return firstItems(this.live, MAX_MEMBERS_CHECKED);
  }
}

/**
 * Opened in the place of a lost one, and never used: undici opens one more where a request was aborted, and then uses
 * another (https://github.com/nodejs/undici/issues/5845). Whatever is opened next makes good the same loss.
 */
function isUnusedReplacement(connection: PoolMember): boolean {
  return replacedLossOf(connection) !== undefined && connection.requests === 0 && connection.opened !== undefined;
}

/** The reason of the loss that it makes good, unless another does by now. */
function replacedLossOf({ replacedReason, lossReassigned }: PoolMember): CloseReason | undefined {
  return lossReassigned ? undefined : replacedReason;
}

export function firstItems<T>(set: Iterable<T>, most: number): T[] {
  const first: T[] = [];
  for (const each of set) {
    if (first.length === most) break;
    first.push(each);
  }
  return first;
}
