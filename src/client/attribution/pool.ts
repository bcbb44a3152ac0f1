import type { OpenCause } from '../../core/causes.ts';
import type { CloseReason } from '../../core/reasons.ts';
import { RenewedSet } from '../../core/renewed.ts';
import { First } from './first.ts';
import { IdleCount } from './idle-count.ts';
import { isByProgram, type Loss, Losses } from './losses.ts';
import { type Listed, Members } from './members.ts';
import { type OtherConnections, openCause } from './open-cause.ts';
import type { Owner } from './pool-identity.ts';
import type { MemberPool, MemberStates, PoolMember } from './pool-member.ts';
import type { WaitingAttempts } from './waiting-attempts.ts';

/** How many connections of a pool are checked to find its state. */
const MAX_MEMBERS_CHECKED = 100;
/** The same at each attempt. Held connections are among the oldest. */
const MAX_CHECKED_AT_ATTEMPT = 16;

/** What the pools of one origin share. */
export interface OriginState {
  readonly waiting: WaitingAttempts;
  /** Which connection was the first to the origin. */
  readonly first: First;
  /** A pool has connections now. */
  began(pool: Pool): void;
  /** A pool has none left. */
  ended(pool: Pool): void;
}

/** What all pools share. */
export interface PoolContext {
  readonly states: MemberStates;
  /** The order of the next event. */
  readonly nextOrder: () => number;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
}

/** The connections of one pool to one origin, and those that it has lost. */
export class Pool implements MemberPool, OtherConnections<PoolMember>, Listed<Pool> {
  readonly owner: Owner;
  /** Undefined for sockets without a client. */
  readonly number: number | undefined;
  /** False if it stands for all pools that undici does not show. */
  readonly isKnown: boolean;
  limit = Infinity;
  /** It may continue a pool that lost all its connections, or be new: nothing shows which. */
  isDoubtful = false;
  readonly live = new Members<PoolMember>();
  /** Its neighbours among the pools of the origin that have connections. */
  list: object | undefined;
  older: Pool | undefined;
  newer: Pool | undefined;
  readonly #first = new First();
  readonly #losses = new Losses();
  readonly #idle = new IdleCount();
  #hasOrphan = false;
  #isInherited = false;
  /** It has lost a connection that neither the program nor its client closed. */
  #hasLost = false;
  #servedSeveral = false;
  /** Those that were attempted while another one was idle, until their cause is decided. */
  readonly #raced = new RenewedSet<PoolMember>();
  readonly #origin: OriginState;
  readonly #context: PoolContext;

  constructor(owner: Owner, number: number | undefined, isKnown: boolean, origin: OriginState, context: PoolContext) {
    this.#origin = origin;
    this.owner = owner;
    this.number = number;
    this.isKnown = isKnown;
    this.#context = context;
  }

  /** A connection of this pool was attempted, and may have opened since. Freezes what was true at the attempt. */
  add(member: PoolMember): void {
    const { order, place } = member;
    if (this.owner === 'agent') this.#findLosses(order);
    const hasOthers = this.live.size > 0 || this.#losses.hadAny(order);
    if (hasOthers || this.#losses.any) this.#servedSeveral = true;
    member.opensPool = !this.isKnown && !hasOthers && this.wasClosedByProgram;
    member.replaces = this.#losses.replaceBy({
      order,
      ownLoss: place?.latestLoss,
      onlyOwn: !this.isKnown && (hasOthers || member.opensPool),
      hasOthers,
      started: member.started,
    });
    if (member.replaces !== undefined && this.owner === 'undici') renewed(member.replaces);
    member.hadIdle = this.#idle.at(order) > 0;
    if (!member.hadIdle && member.replaces === undefined) member.hadUnread = this.#findUnread();
    if (member.hadIdle && member.replaces === undefined) this.#raced.add(member);
    member.pool = this;
    member.poolNumber = this.number;
    member.owner = this.owner;
    if (this.live.size === 0) this.#origin.began(this);
    if (member.isOrphan) {
      this.#hasOrphan = true;
      this.#isInherited = false;
    }
    this.live.add(member);
    this.#first.add(order);
    this.#origin.first.add(order);
  }

  /** The attempt failed, or was not for this pool: it replaces nothing, and is not the first. */
  remove(member: PoolMember): void {
    if (member.replaces !== undefined) member.replaces.replaced = false;
    member.replaces = undefined;
    member.pool = undefined;
    member.place = undefined;
    this.#first.remove(member.order);
    this.#origin.first.remove(member.order);
    this.#raced.delete(member);
    this.#delete(member);
  }

  /** The connection closed. */
  closed(member: PoolMember, reason: CloseReason): void {
    const { loss } = member;
    if (loss === undefined) this.leaves(member, reason);
    else loss.reason = reason;
    if (loss?.replaced && this.owner === 'undici') renewed(loss);
    if (member.loss !== undefined && !isByProgram(member.loss)) this.#hasLost = true;
    member.pool = undefined;
    this.#delete(member);
  }

  /** The connection is about to close, and its pool does not use it any more. */
  leaves(member: PoolMember, reason: CloseReason): void {
    this.#setIdle(member, false);
    if (member.loss === undefined) this.#lose(member, reason, this.#context.nextOrder());
  }

  used(member: PoolMember): void {
    if (member.requests > 0) this.#servedSeveral = true;
    this.#setIdle(member, false);
    if (member.loss === undefined) return;

    // It seemed to be about to close, and is not.
    member.loss.withdrawn = true;
    member.loss = undefined;
  }

  unused(member: PoolMember): void {
    if (member.loss === undefined) this.#setIdle(member, true);
  }

  #setIdle(member: PoolMember, isIdle: boolean): void {
    if (member.isIdle === isIdle) return;

    member.isIdle = isIdle;
    this.#idle.change(isIdle ? 1 : -1, this.#origin.waiting.latest);
  }

  /** The cause of a connection of this pool. Changes what the next call returns, so it is called once per connection. */
  causeOf(member: PoolMember): OpenCause {
    const cause = this.likelyCauseOf(member);
    this.#origin.first.take(member.order);
    this.#first.take(member.order);
    this.#raced.delete(member);
    return cause;
  }

  likelyCauseOf(member: PoolMember): OpenCause {
    const isFirstOfOrigin = this.#origin.first.is(member.order);
    const isFirstOfPool = this.#first.is(member.order) && this.owner !== 'none';
    const facts = {
      isFirstOfOrigin,
      isFirstOfPool: this.isKnown ? isFirstOfPool && !this.isDoubtful : member.opensPool,
      isReplacement: member.replaces !== undefined,
      poolIsKnown: this.isKnown && !(isFirstOfPool && this.isDoubtful),
      hadIdle: member.hadIdle,
    };
    return openCause(facts, member, this);
  }

  /** Whether nothing reads the response on one of the oldest connections. */
  #findUnread(): boolean {
    return this.live.some(MAX_CHECKED_AT_ATTEMPT, isUnread, this.#context.states);
  }

  /** Whether an unread response held an older connection at the attempt, and holds it still. */
  hadHeld({ order, hadUnread }: PoolMember): boolean {
    return hadUnread && this.live.some(MAX_MEMBERS_CHECKED, isHeldBefore, { order, states: this.#context.states });
  }

  /** Whether there were other connections at the attempt. */
  hadAny({ order }: PoolMember): boolean {
    return this.live.some(MAX_MEMBERS_CHECKED, isBefore, order) || this.#losses.hadAny(order);
  }

  /** It has a connection that is not about to leave it. */
  get isInUse(): boolean {
    return this.live.some(MAX_MEMBERS_CHECKED, isToStay, undefined);
  }

  /** It has served more than one request, on one connection or on several, so it was not made for one. */
  get servedSeveral(): boolean {
    return this.#servedSeveral;
  }

  /** undici's Agent has dropped the pool after a loss, though a connection was still to open. */
  get wasDropped(): boolean {
    return this.#hasOrphan && this.#hasLost;
  }

  /** Whether a pool that undici has just made continues this one, which it has dropped. True once for each time. */
  inherit(): boolean {
    if (!this.wasDropped || this.#isInherited) return false;

    this.#isInherited = true;
    return true;
  }

  /** The program itself closed the connection that was lost last. */
  get wasClosedByProgram(): boolean {
    return this.#losses.latestIsByProgram;
  }

  #lose(member: PoolMember, reason: CloseReason, order: number): void {
    const at = this.#context.now();
    const { order: openedAs, isOrphan } = member;
    const droppedFor = isOrphan ? member.replaces?.reason : undefined;
    const loss: Loss = { reason, replaced: false, withdrawn: false, order, at, openedAs, isOrphan, droppedFor };
    this.#losses.add(loss);
    member.loss = loss;
    if (member.place !== undefined) member.place.latestLoss = loss;
    if (isByProgram(loss) && this.isKnown) this.#replaceRetired(loss);
  }

  /** undici opens a connection before it closes the one that has reached its `clientTtl`. */
  #replaceRetired(loss: Loss): void {
    const [raced] = this.#raced;
    if (raced === undefined || raced.order < loss.openedAs) return;

    this.#raced.delete(raced);
    raced.replaces = loss;
    loss.replaced = true;
    renewed(loss);
  }

  /** node:http does not publish that a connection is about to close. */
  #findLosses(order: number): void {
    const { states } = this.#context;
    let left = MAX_MEMBERS_CHECKED;
    for (let member = this.live.oldest; member !== undefined && left-- > 0; member = member.newer)
      if (member.loss === undefined && states.isClosing(member)) this.#lose(member, states.reasonOf(member), order);
  }

  #delete(member: PoolMember): void {
    if (this.live.delete(member) && this.live.size === 0) this.#origin.ended(this);
  }
}

// Tests of members. Functions that are made for each call would be garbage.

function isUnread(member: PoolMember, states: MemberStates): boolean {
  return states.isUnread(member);
}

function isHeldBefore(member: PoolMember, { order, states }: { order: number; states: MemberStates }): boolean {
  return member.order < order && states.isHeld(member);
}

function isBefore(member: PoolMember, order: number): boolean {
  return member.order < order;
}

function isToStay({ loss, takenOver, tunnel, isOrphan }: PoolMember): boolean {
  return loss === undefined && !isOrphan && !(takenOver && tunnel === 'none');
}

/**
 * The pool has outlived the close of a connection, so it was not the program that closed the pool: undici has closed the
 * connection at its `clientTtl`.
 */
function renewed(loss: Loss): void {
  if (loss.reason === 'client_shutdown' && !loss.isOrphan) loss.reason = 'connection_expired';
}
