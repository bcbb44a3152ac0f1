import { type IdleEnd, idleEndOf, MIN_IDLE_SECONDS } from '../core/idle-end.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { OriginCounts } from '../metrics/origin-counts.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { Connection } from './connection.ts';

/** Measures how long connections are idle, and learns from that when their servers close them. */
export class IdleTimes {
  readonly #record: Recorder;
  readonly #now: () => number;

  /** `now`: seconds of a monotonic clock. */
  constructor(record: Recorder, now: () => number) {
    this.#record = record;
    this.#now = now;
  }

  /** The last request on the connection is over. */
  began(connection: Connection): void {
    connection.idleSince = this.#now();
  }

  /** A request was sent on the connection, which is counted already if it was ever idle. */
  reused(connection: Connection): void {
    const { idleSince, counts } = connection;
    connection.sentAt = this.#now();
    connection.wasIdle = connection.sentAt - idleSince;
    if (Number.isNaN(idleSince)) return;

    connection.idleSince = Number.NaN;
    if (connection.wasIdle >= MIN_IDLE_SECONDS && counts !== undefined)
      this.#recordEnd('reused', connection.wasIdle, counts);
  }

  /** The connection is closed. */
  ended({ idleSince, closed, owner }: Connection, reason: CloseReason, counts: OriginCounts): void {
    const end = idleEndOf(reason);
    if (end === undefined || closed === undefined || Number.isNaN(idleSince)) return;

    const idle = closed - idleSince;
    this.#recordEnd(end, idle, counts);
    if (end !== 'server') return;

    counts.idleLimit.add(idle);
    counts.idleOwner = owner;
  }

  #recordEnd(end: IdleEnd, idle: number, counts: OriginCounts): void {
    if (counts.http) this.#record('connmeter.connection.idle_time', idle, counts.idleTime(end));
  }
}
