import type { Socket } from 'node:net';
import type { Guard } from '../core/guard.ts';
import { LoopTurns } from '../core/loop-turns.ts';
import type { Origin } from '../core/origins.ts';
import { MIN_WAIT, TURNS_WITHOUT_QUEUE } from '../core/queue-time.ts';
import { RenewedSet } from '../core/renewed.ts';
import type { RequestCounts } from '../metrics/caller-counts.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import type { ClientAdapter, Connection } from './connection.ts';
import { type Wait, WaitingRequests } from './waiting-requests.ts';

const METRIC = 'http.client.request.time_in_queue';
/** Requests that did not wait are recorded in groups of so many, which costs less. */
const GROUP = 64;
interface Dependencies {
  readonly registry: MetricRegistry;
  readonly record: Recorder;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
  readonly guard: Guard;
  readonly callerOf: (request: object) => string | undefined;
}

/**
 * Measures how long requests wait until they have a connection: in the queue of their pool, or for a new connection to open.
 *
 * node:http shows both. undici shows when it makes a request and when it sends it, but a Pool with a limit makes the request only
 * after its own queue. So nothing is said about requests that may have been in such a queue.
 */
export class QueueTimes {
  readonly #registry: MetricRegistry;
  readonly #record: Recorder;
  readonly #now: () => number;
  readonly #callerOf: (request: object) => string | undefined;
  readonly #turns = new LoopTurns();
  readonly #group: number;
  readonly #countSafely: (request: object, wait: Wait) => void;
  readonly waiting: WaitingRequests;
  /** Requests whose wait is recorded already. They are not sent yet, as far as node:http shows. */
  readonly #recorded = new RenewedSet<object>();

  constructor({ registry, record, now, guard, callerOf }: Dependencies) {
    this.#callerOf = callerOf;
    this.#registry = registry;
    this.#record = record;
    this.#now = now;
    this.waiting = new WaitingRequests(now);
    this.#countSafely = guard('waiting request', (request: object, wait: Wait) => this.#countWaiting(request, wait));
    this.#group = registry.uncounted === undefined ? GROUP : 1; // a thread may end at any time
  }

  /** A request is in the queue of its agent. */
  queued<Request extends object>(request: Request, client: ClientAdapter<Request>): void {
    const now = this.#now();
    const counts = this.#registry.originCounts(client.originOf(request, undefined), true);
    if (this.waiting.queued(request, now, counts)) counts.saturation.began(now);
  }

  /** The request left the queue of its agent, with a socket. `connection`: that of the socket, if it is known. */
  gotSocket(request: object, socket: Socket, connection: Connection | undefined): void {
    const wait = this.waiting.leaves(request);
    if (wait?.originCounts === undefined) return;

    if (connection !== undefined && connection.opened === undefined) connection.waitedSince = wait.since;
    else if (!socket.destroyed) {
      this.#recorded.add(request);
      this.#recordWait(this.#now() - wait.since, wait.originCounts.by(this.#callerOf(request)));
    }
  }

  /** The connection is open. If its client opened it for a request, that has waited. */
  opened(connection: Connection): void {
    const { openedFor, request, opened, started, waitedSince } = connection;
    const isAwaited = openedFor !== undefined || request !== undefined || waitedSince !== undefined;
    if (opened === undefined || !isAwaited) return;

    connection.queueTime = opened - (waitedSince ?? started);
  }

  /** A request was sent on an open connection, and is counted. */
  sent(connection: Connection, request: object): void {
    const { client } = connection;
    if (this.#recorded.size > 0 && this.#recorded.delete(request)) return;
    if (client === undefined || client.isConnect(request)) this.forget(request);
    else if (connection.requests <= 1) this.#sentFirst(connection, request, client);
    else if (client.showsQueue) this.#addUnqueued(connection.requestCounts?.by(connection.caller));
    else this.#sentOnReused(connection, request);
  }

  #sentFirst(connection: Connection, request: object, client: ClientAdapter): void {
    if (!client.showsQueue) {
      this.waiting.sent(request);
      connection.queueTime = connection.sentAt - this.waiting.sentSince;
    }
    if (connection.counts !== undefined) this.firstCounted(connection);
  }

  /** The first request of a connection is counted. */
  firstCounted(connection: Connection): void {
    const { caller, queueTime, requestCounts } = connection;
    if (requestCounts?.http !== true || Number.isNaN(queueTime)) return;

    connection.queueTime = Number.NaN;
    this.#recordWait(queueTime, requestCounts.by(caller));
  }

  /** On a connection of undici. */
  #sentOnReused(connection: Connection, request: object): void {
    const { opened = 0, requestCounts, caller, idleTurn, sentAt, wasIdle } = connection;
    const { isWatched } = this.waiting;
    this.waiting.sent(request);
    const { sentSince } = this.waiting;
    if (Number.isNaN(sentSince) || requestCounts === undefined) return;

    const waited = sentAt - sentSince;
    if (wasIdle < waited) {
      // The connection was busy when the request was made.
      this.#recordWait(waited, requestCounts.by(caller));
      requestCounts.saturation.waited(Math.max(sentSince, opened), sentAt);
    } else if (isWatched || (idleTurn !== undefined && this.#turns.now - idleTurn >= TURNS_WITHOUT_QUEUE)) {
      this.#addUnqueued(requestCounts.by(caller));
    }
  }

  /** The last request on the connection is over. */
  idle(connection: Connection): void {
    connection.idleTurn = this.#turns.now;
    this.#turns.watch(TURNS_WITHOUT_QUEUE);
  }

  /** The request is over, or waits no more. */
  forget(request: object): void {
    this.waiting.forget(request);
    if (this.#recorded.size > 0) this.#recorded.delete(request);
  }

  forgetAll(): void {
    this.waiting.forgetAll();
    this.#recorded.clear();
  }

  /** Before a collection. The gauges of waiting requests are at zero. */
  collected(): void {
    const now = this.#now();
    for (const [request, wait] of this.waiting.all) this.#countSafely(request, wait);
    for (const counts of this.#registry.allOriginCounts) {
      counts.saturation.collected(now);
      this.#recordUnqueued(counts);
      for (const caller of counts.callers) this.#recordUnqueued(caller);
    }
  }

  #countWaiting(request: object, wait: Wait): void {
    const origin = wait.originCounts === undefined ? this.#originOf(request, wait) : undefined;
    if (origin !== undefined) wait.originCounts = this.#registry.originCounts(origin, true);
    if (wait.originCounts === undefined) return;

    wait.originCounts.waiting.value++;
    wait.originCounts.isInUse = true;
  }

  #originOf(request: object, { originOf }: Wait): Origin | undefined {
    try {
      return originOf();
    } catch (error) {
      this.waiting.forget(request); // anybody can publish a request that cannot be read
      throw error;
    }
  }

  #recordWait(seconds: number, counts: RequestCounts): void {
    if (seconds < MIN_WAIT) this.#addUnqueued(counts);
    else this.#record(METRIC, seconds, counts.attributes);
  }

  #addUnqueued(counts: RequestCounts | undefined): void {
    if (counts !== undefined && ++counts.unqueued >= this.#group) this.#recordUnqueued(counts);
  }

  #recordUnqueued(counts: RequestCounts): void {
    if (counts.unqueued === 0) return;

    this.#record(METRIC, 0, counts.attributes, counts.unqueued);
    counts.unqueued = 0;
  }
}
