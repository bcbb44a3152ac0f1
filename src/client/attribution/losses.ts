import type { CloseReason } from '../../core/reasons.ts';

/** How many losses a pool remembers. From twice as many on, the older half is forgotten: to forget one at a time is slow. */
const MAX_LOSSES = 256;
/** A loss older than this explains no new connection, unless the pool has no other connection. */
const RECENT_SECONDS = 120;

/** A pool has lost a connection, which another may replace. */
export interface Loss {
  /** Changes to the final reason when the connection closes. */
  reason: CloseReason;
  /** A connection replaces it. */
  replaced: boolean;
  /** The lost connection carried on after all. */
  withdrawn: boolean;
  /** When it was lost, in the order of events and in seconds. */
  readonly order: number;
  readonly at: number;
  /** The order of the attempt that opened it. */
  readonly openedAs: number;
  /** undici dropped the pool of the lost connection. */
  readonly isOrphan: boolean;
  /** The reason of the loss for which it did. */
  readonly droppedFor: CloseReason | undefined;
}

/** What the pool knows about an attempt that may replace a loss. */
export interface Replacement {
  readonly order: number;
  /** The latest loss of the place in the pool that opens the connection, if that is known. */
  readonly ownLoss: Loss | undefined;
  /** It may replace no other loss. */
  readonly onlyOwn: boolean;
  /** The pool has other connections. Then only recent losses count. */
  readonly hasOthers: boolean;
  /** When it began, in seconds of the monotonic clock. */
  readonly started: number;
}

/** The connections that a pool has lost, the oldest first. Each is replaced at most once. */
export class Losses {
  #all: Loss[] = [];

  add(loss: Loss): void {
    this.#all.push(loss);
    if (this.#all.length === 2 * MAX_LOSSES) this.#all = this.#all.slice(MAX_LOSSES);
  }

  /**
   * The loss that an attempt makes good: the one of its own place in the pool, else the newest one before the attempt. One that
   * the program or its client caused comes last: undici 7 also closes other connections when it has lost one.
   */
  replaceBy({ order, ownLoss, onlyOwn, hasOthers, started }: Replacement): Loss | undefined {
    const since = hasOthers ? started - RECENT_SECONDS : -Infinity;
    let loss = ownLoss !== undefined && canBeReplaced(ownLoss, order, since) ? ownLoss : undefined;
    if (!onlyOwn) loss ??= this.#latest(order, since);
    if (loss !== undefined) loss.replaced = true;
    return loss;
  }

  #latest(order: number, since: number): Loss | undefined {
    let latestByProgram: Loss | undefined;
    for (let i = this.#all.length - 1; i >= 0; i--) {
      const loss = this.#all[i] as Loss;
      if (!canBeReplaced(loss, order, since)) continue;
      if (!isByProgram(loss)) return loss;
      latestByProgram ??= loss;
    }
    return latestByProgram;
  }

  get any(): boolean {
    return this.#all.length > 0;
  }

  /** Whether a connection that is lost by now was there when an attempt began. */
  hadAny(order: number): boolean {
    for (const loss of this.#all) if (loss.openedAs < order && loss.order > order) return true;
    return false;
  }

  /** The program itself, or its client, closed the connection that was lost last. */
  get latestIsByProgram(): boolean {
    const latest = this.#all.at(-1);
    return latest !== undefined && isByProgram(latest);
  }
}

/** Whether an attempt may make the loss good. `since`: older losses do not count. */
function canBeReplaced({ replaced, withdrawn, order: lostAs, at }: Loss, order: number, since: number): boolean {
  return !replaced && !withdrawn && lostAs <= order && at >= since;
}

/** The close reason that explains a replacement. undici closes an orphan after its request, which explains nothing. */
export function explanationOf({ reason, droppedFor }: Loss): CloseReason {
  return reason === 'client_shutdown' ? (droppedFor ?? reason) : reason;
}

/** The program, or its client, closed it. */
export function isByProgram({ reason }: Loss): boolean {
  return reason === 'client_shutdown' || reason === 'connection_expired';
}
