import type { OpenCause } from '../../core/causes.ts';
import type { CloseReason } from '../../core/reasons.ts';

/** The connections of one pool to one origin. */
export interface MemberPool {
  /** Connections that are open or opening. */
  readonly live: ReadonlySet<PoolMember>;
  /** The connection left the pool. `reason` is undefined if it never opened. */
  remove(member: PoolMember, reason: CloseReason | undefined): void;
}

/** A connection was seen idle. */
export interface SeenIdle {
  /** After how many requests. */
  readonly requests: number;
  /** Since when it is back in the pool of its client, in seconds. Undefined until then. */
  backSince: number | undefined;
}

/** What a pool reads of a connection, and the fields that it writes. */
export interface PoolMember {
  readonly opened: number | undefined;
  readonly requests: number;

  /** Undefined before a pool is found, and after the connection left its pool. */
  pool: MemberPool | undefined;
  poolNumber: number | undefined;
  cause: OpenCause;
  /** Undefined until it is decided. */
  reason: CloseReason | undefined;
  /** The close reason of the connection that this one replaces. */
  replacedReason: CloseReason | undefined;
  /** A later connection counts as the replacement instead, because this one was never used. */
  lossReassigned: boolean;
  /** When it was first seen idle since its last request. */
  seenIdle: SeenIdle | undefined;
}

/** The decisions about a connection that a pool needs. */
export interface MemberStates {
  /** Why it is closing, as far as is known. */
  reasonOf(member: PoolMember): CloseReason;
  /** Whether its client could send another request on it. */
  isReusable(member: PoolMember): boolean;
  /** Whether a body that the program does not read holds it. */
  isHeld(member: PoolMember): boolean;
  /** Whether its socket is ending or destroyed, and 'close' is still to come. */
  isClosing(member: PoolMember): boolean;
}
