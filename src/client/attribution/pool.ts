import type { CloseReason } from '../../core/reasons.ts';
import type { PoolFacts } from './open-cause.ts';
import type { MemberPool, MemberStates, PoolMember } from './pool-member.ts';

/** How many unreplaced losses a pool remembers. */
const MAX_UNREPLACED_LOSSES = 256;
/** How many connections of a pool are checked to find its state. */
const MAX_MEMBERS_CHECKED = 100;

const NONE: readonly PoolMember[] = [];

/** What opens the connections: an agent of node:http, undici, or nothing but the socket. */
export type Owner = 'agent' | 'undici' | 'none';

/** What all pools of one origin share. */
export interface OriginState {
  /** A connection was attempted, and the attempt did not fail. */
  attempted: boolean;
  /** How many connections all its pools have, open or opening. */
  live: number;
}

/**
 * The connections of one pool to one origin, and those that it lost.
 *
 * Each close is a loss, and each replacement takes the oldest loss that no other connection replaced. This distinguishes
 * connections that replace others from those that let the pool grow.
 */
export class Pool implements MemberPool, PoolFacts {
  readonly owner: Owner;
  /** Undefined for sockets without a pool. */
  readonly number: number | undefined;
  readonly live = new Set<PoolMember>();
  /** A connection of this pool was attempted, and the attempt did not fail. */
  attempted = false;
  /** The program closed the latest lost connection after its only request, as it does with a client per request. */
  lastClosedAfterOneRequest = false;
  /** The close reason of each loss, the oldest first. */
  readonly #unreplacedLosses: CloseReason[] = [];
  readonly #origin: OriginState;
  readonly #states: MemberStates;

  constructor(owner: Owner, number: number | undefined, origin: OriginState, states: MemberStates) {
    this.owner = owner;
    this.number = number;
    this.#origin = origin;
    this.#states = states;
  }

  add(connection: PoolMember): void {
    this.lastClosedAfterOneRequest = false;
    this.attempted = true;
    this.live.add(connection);
    this.#origin.attempted = true;
    this.#origin.live++;
    connection.pool = this;
    connection.poolNumber = this.number;
  }

  remove(connection: PoolMember, reason: CloseReason | undefined): void {
    connection.pool = undefined;
    this.#origin.live--;
    if (reason === undefined) this.#attemptFailed(connection);
    else this.#recordLoss(connection, reason);
  }

  get hasUnreplacedLoss(): boolean {
    if (this.#unreplacedLosses.length > 0) return true;

    let checked = 0;
    for (const connection of this.live) {
      if (checked++ === MAX_MEMBERS_CHECKED) break;
      if (this.#states.isClosing(connection)) this.#recordEarlyLoss(connection);
      if (this.#unreplacedLosses.length > 0) return true;
    }
    return this.#unusedReplacement() !== undefined;
  }

  /** A connection replaces the oldest loss. Returns the reason of the loss. */
  takeOldestLoss(): CloseReason | undefined {
    // `pop` is faster than `shift`.
    const loss = this.#unreplacedLosses.length === 1 ? this.#unreplacedLosses.pop() : this.#unreplacedLosses.shift();
    if (loss !== undefined) return loss;

    const unused = this.#unusedReplacement();
    if (unused !== undefined) unused.lossReassigned = true;
    return unused?.replacedReason;
  }

  /** Nothing will replace the latest loss. */
  dropLatestLoss(): void {
    this.#unreplacedLosses.pop();
  }

  /**
   * The connections that could have been used instead of opening one. Only for undici: node:http never opens a connection
   * while another is idle, and other sockets show no requests.
   */
  reusable(): readonly PoolMember[] {
    if (this.owner !== 'undici') return NONE;

    const reusable: PoolMember[] = [];
    let checked = 0;
    for (const connection of this.live) {
      if (checked++ === MAX_MEMBERS_CHECKED) break;
      if (this.#states.isClosing(connection)) this.#recordEarlyLoss(connection);
      else if (this.#states.isReusable(connection)) reusable.push(connection);
    }
    return reusable;
  }

  get hasHeld(): boolean {
    return this.#firstMembers().some(each => this.#states.isHeld(each));
  }

  get hasLive(): boolean {
    return this.live.size > 0;
  }

  /** The connection is closing, so the pool has lost it already. */
  #recordEarlyLoss(connection: PoolMember): void {
    connection.reason = this.#states.reasonOf(connection);
    this.#recordLoss(connection, connection.reason);
  }

  /** Records one loss. A replacement that was never used puts back the loss that it was opened for. */
  #recordLoss(connection: PoolMember, reason: CloseReason): void {
    if (!this.live.delete(connection)) return;

    const { cause, requests } = connection;
    const replacedLoss = replacedLossOf(connection);
    const isUndici = this.owner === 'undici';
    const wasUnused = isUndici && requests === 0 && cause === 'replaced';
    if (!wasUnused) this.#unreplacedLosses.push(reason);
    else if (replacedLoss !== undefined) this.#unreplacedLosses.push(replacedLoss);
    if (this.#unreplacedLosses.length > MAX_UNREPLACED_LOSSES) this.#unreplacedLosses.shift();
    const openedByNewClient = cause === 'first' || cause === 'new_pool' || replacedLoss === 'client_shutdown';
    this.lastClosedAfterOneRequest = isUndici && reason === 'client_shutdown' && requests === 1 && openedByNewClient;
  }

  /** A failed attempt replaces no loss, and the next attempt counts as the first one again. */
  #attemptFailed(connection: PoolMember): void {
    if (!this.live.delete(connection)) return;

    const { cause } = connection;
    const replacedLoss = replacedLossOf(connection);
    if (replacedLoss !== undefined) this.#unreplacedLosses.unshift(replacedLoss);
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
 * After a request was aborted, undici opens one connection more than it needs and uses another
 * (https://github.com/nodejs/undici/issues/5845). The next connection that it opens replaces the same loss.
 */
function isUnusedReplacement(connection: PoolMember): boolean {
  return replacedLossOf(connection) !== undefined && connection.requests === 0 && connection.opened !== undefined;
}

/** The reason of the loss that the connection replaces, unless another connection replaces it now. */
function replacedLossOf({ replacedReason, lossReassigned }: PoolMember): CloseReason | undefined {
  return lossReassigned ? undefined : replacedReason;
}

export function firstItems<T>(items: Iterable<T>, max: number): T[] {
  const first: T[] = [];
  for (const each of items) {
    if (first.length === max) break;
    first.push(each);
  }
  return first;
}
