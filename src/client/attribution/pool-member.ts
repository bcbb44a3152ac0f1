import type { OpenCause } from '../../core/causes.ts';
import type { CloseReason } from '../../core/reasons.ts';
import type { TunnelState } from '../../core/tunnels.ts';
import type { Loss } from './losses.ts';
import type { Listed } from './members.ts';
import type { Owner } from './pool-identity.ts';
import type { WaitingAttempts } from './waiting-attempts.ts';

/** What a connection knows of its pool. */
export interface MemberPool {
  /** All that are open or opening. */
  readonly live: { readonly size: number };
  /** False if it stands for all pools that a client does not show. */
  readonly isKnown: boolean;
  readonly owner: Owner;
  /** How many connections it may have. Infinity if that is not limited, or not known. */
  readonly limit: number;
  causeOf(member: PoolMember): OpenCause;
  /** What `causeOf` would return now. */
  likelyCauseOf(member: PoolMember): OpenCause;
  /** A request was sent on it. */
  used(member: PoolMember): void;
  /** No request is on it any more. */
  unused(member: PoolMember): void;
  leaves(member: PoolMember, reason: CloseReason): void;
  closed(member: PoolMember, reason: CloseReason): void;
  remove(member: PoolMember): void;
}

/** A place in a pool, which opens one connection after another. */
export interface Place {
  latestLoss: Loss | undefined;
}

/** What a pool reads of a connection, and the fields that it writes. */
export interface PoolMember extends Listed<PoolMember> {
  /** When it was attempted, in seconds of the monotonic clock. */
  readonly started: number;
  /** The order of its attempt among all events. */
  order: number;
  /** Undefined unless its client has announced the attempt, and its pool is not known yet. */
  waitsWith: WaitingAttempts | undefined;
  /** The line that made the request, if its origin is suspected of one pool after another. */
  openedAt: string | undefined;
  /** Undefined before a pool is found. */
  pool: MemberPool | undefined;
  poolNumber: number | undefined;
  owner: Owner | undefined;
  place: Place | undefined;
  /** How many requests it has carried. */
  readonly requests: number;
  /** A request has taken it over. Except for tunnels, its pool does not have it any more. */
  readonly takenOver: boolean;
  readonly tunnel: TunnelState;
  /** When it opened, its client took no more requests already: undici has dropped its pool. */
  isOrphan: boolean;
  /** It opens a pool that its client does not show. */
  opensPool: boolean;
  /** At the attempt, nothing read the response on an older connection of the pool. */
  hadUnread: boolean;
  /** At the attempt, another connection of the pool was idle. */
  hadIdle: boolean;
  /** It is idle now. */
  isIdle: boolean;
  /** The loss that it makes good. */
  replaces: Loss | undefined;
  /** Its own loss, from when it is about to close. */
  loss: Loss | undefined;
  cause: OpenCause | 'pending';
  /** The close reason of the connection that it replaced. */
  replacedReason: CloseReason | undefined;
}

/** The decisions about a connection that a pool needs. */
export interface MemberStates {
  /** Why it is closing, as far as is known. */
  reasonOf(member: PoolMember): CloseReason;
  /** Whether nothing reads the response that is on it now. The program may still begin to read. */
  isUnread(member: PoolMember): boolean;
  /** Whether nothing has read it for so long that it holds the connection. Each call of these two is a check. */
  isHeld(member: PoolMember): boolean;
  /** Whether its socket is ending or destroyed, and 'close' is still to come. */
  isClosing(member: PoolMember): boolean;
}
