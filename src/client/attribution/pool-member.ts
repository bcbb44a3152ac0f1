import type { OpenCause } from '../../core/causes.ts';
import type { CloseReason } from '../../core/reasons.ts';

/** What a pool has to one origin. */
export interface MemberPool {
  readonly live: ReadonlySet<PoolMember>;
  /** The connection is gone: closed, for a reason, or never opened. */
  remove(member: PoolMember, reason: CloseReason | undefined): void;
}

/** A connection was idle: when, by the clock and by the rounds of the event loop, and how many requests it had served. */
export interface SeenIdle {
  readonly at: number;
  readonly loopCount: number;
  readonly requests: number;
}

/** A connection as its pool sees it: what the pool looks at, and what it notes on it. */
export interface PoolMember {
  readonly opened: number | undefined;
  readonly requests: number;
  readonly receivedGoaway: boolean;

  /** Where it belongs, until it is closed or its attempt failed. */
  pool: MemberPool | undefined;
  poolNumber: number | undefined;
  cause: OpenCause;
  /** Why it is closed, once that is judged. */
  reason: CloseReason | undefined;
  /** The reason of the loss that it makes good, and whether it left that to another because it was never used. */
  replacedReason: CloseReason | undefined;
  lossReassigned: boolean;
  /** When it was first seen idle since its last request. */
  seenIdle: SeenIdle | undefined;
}

/** What a pool asks about its members. */
export interface MemberStates {
  /** Why it is being closed, as far as is known by now. */
  reasonOf(member: PoolMember): CloseReason;
  /** Whether a request is on it, or on its way to it. */
  isBusy(member: PoolMember): boolean;
  /** Whether a body that nobody reads holds it. */
  isHeld(member: PoolMember): boolean;
  /** Whether it is on its way out, and its `close` is still to come. */
  isClosing(member: PoolMember): boolean;
}
