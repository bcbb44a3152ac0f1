import type { Socket } from 'node:net';
import type { Guard } from '../core/guard.ts';
import { LoopTurns } from '../core/loop-turns.ts';
import type { Origin } from '../core/origins.ts';
import { MIN_WAIT, TURNS_WITHOUT_QUEUE } from '../core/queue-time.ts';
import type { OriginCounts } from '../metrics/origin-counts.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import type { ClientAdapter, Connection } from './connection.ts';

const METRIC = 'http.client.request.time_in_queue';
/** Requests that did not wait are recorded in groups of so many, which costs less. */
const GROUP = 64;
/** How many waiting requests are kept in mind. */
const MAX_WAITING = 10_000;

/** A request that waits for a connection. */
interface Wait {
  readonly since: number;
  /** Undefined if it is not known. */
  readonly originOf: () => Origin | undefined;
  /** Of its origin, once that was needed. */
  originCounts: OriginCounts | undefined;
  /** It is in the queue of its agent. */
  readonly isQueued: boolean;
}

interface Dependencies {
  readonly registry: MetricRegistry;
  readonly record: Recorder;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
  readonly guard: Guard;
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
  readonly #turns = new LoopTurns();
  readonly #group: number;
  /** Anybody can publish a request that cannot be read. */
  readonly #countSafely: (request: object, wait: Wait) => void;
  /** The request that undici made last. It is usually sent in the same turn. */
  #latest: object | undefined;
  #latestClient: ClientAdapter | undefined;
  /** How many watched dispatchers are asked for a request now, one through the other. They make it in this turn unless it waits in a queue. */
  #dispatching = 0;
  /** The watched request that has a connection, until it is sent, in the same turn. */
  #started: Wait | undefined;
  #latestSince = 0;
  readonly #waiting = new Map<object, Wait>();
  /** Requests whose wait is recorded already. They are not sent yet, as far as node:http shows. */
  readonly #recorded = new Set<object>();

  constructor({ registry, record, now, guard }: Dependencies) {
    this.#registry = registry;
    this.#record = record;
    this.#now = now;
    this.#countSafely = guard('waiting request', (request: object, wait: Wait) => this.#countWaiting(request, wait));
    this.#group = registry.uncounted === undefined ? GROUP : 1; // a thread may end at any time
  }

  /** undici made a request, and sends it in this turn if it can. */
  created<Request extends object>(request: Request, client: ClientAdapter<Request>): void {
    if (this.#dispatching > 0) return; // it is known already

    this.#keepLatest();
    this.#latest = request;
    this.#latestClient = client as ClientAdapter;
    this.#latestSince = this.#now();
  }

  #keepLatest(): void {
    const [request, client] = [this.#latest, this.#latestClient];
    this.#latest = undefined;
    if (request === undefined || client === undefined) return;

    this.#add(request, this.#latestSince, () => client.originOf(request, undefined), undefined);
  }

  /** A watched dispatcher is asked for a request. */
  dispatching(request: object, originOf: () => Origin | undefined): void {
    if (this.#dispatching++ === 0) this.#add(request, this.#now(), originOf, undefined);
  }

  dispatched(): void {
    if (this.#dispatching > 0) this.#dispatching--;
  }

  /** A watched request has a connection. */
  started(request: object): void {
    this.#started = this.#leaves(request);
  }

  /** A request is in the queue of its agent. */
  queued<Request extends object>(request: Request, client: ClientAdapter<Request>): void {
    const now = this.#now();
    const counts = this.#registry.originCounts(client.originOf(request, undefined), true);
    if (this.#add(request, now, () => undefined, counts)) counts.saturation.began(now);
  }

  /** The request left the queue of its agent, with a socket. `connection`: that of the socket, if it is known. */
  gotSocket(request: object, socket: Socket, connection: Connection | undefined): void {
    const wait = this.#leaves(request);
    if (wait?.originCounts === undefined) return;

    if (connection !== undefined && connection.opened === undefined) connection.waitedSince = wait.since;
    else if (!socket.destroyed) {
      this.#recorded.add(request);
      this.#recordWait(this.#now() - wait.since, wait.originCounts);
    }
  }

  /** The connection is open. If its client opened it for a request, that has waited. */
  opened(connection: Connection): void {
    const { openedFor, request, opened, started, waitedSince } = connection;
    if (opened === undefined || (openedFor === undefined && request === undefined)) return;

    connection.queueTime = opened - (Number.isNaN(waitedSince) ? started : waitedSince);
  }

  /** A request was sent on an open connection, and is counted. `idle`: for how long the connection was idle. NaN if it was not. */
  sent(connection: Connection, request: object, now: number, idle: number): void {
    const { client } = connection;
    if (this.#recorded.size > 0 && this.#recorded.delete(request)) return;
    if (client === undefined || client.isConnect(request)) this.forget(request);
    else if (connection.requests <= 1) this.#sentFirst(connection, request, client, now);
    else if (client.showsQueue) this.#addUnqueued(connection.requestCounts);
    else this.#sentOnReused(connection, request, now, idle, this.#started !== undefined);
  }

  #sentFirst(connection: Connection, request: object, client: ClientAdapter, now: number): void {
    if (!client.showsQueue) {
      const since = this.#take(request);
      connection.queueTime = since === undefined ? Number.NaN : now - since;
    }
    if (connection.counts !== undefined) this.firstCounted(connection);
  }

  /** The first request of a connection is counted. */
  firstCounted(connection: Connection): void {
    const { queueTime, requestCounts } = connection;
    if (requestCounts?.http !== true || Number.isNaN(queueTime)) return;

    connection.queueTime = Number.NaN;
    this.#recordWait(queueTime, requestCounts);
  }

  #sentOnReused(
    { opened = 0, requestCounts, idleTurn }: Connection,
    request: object,
    now: number,
    idle: number,
    isWatched: boolean,
  ): void {
    const since = this.#take(request);
    if (since === undefined || requestCounts === undefined) return;

    const waited = now - since;
    if (idle < waited) {
      // The connection was busy when the request was made.
      this.#recordWait(waited, requestCounts);
      requestCounts.saturation.waited(Math.max(since, opened), now);
    } else if (isWatched || this.#turns.now - idleTurn >= TURNS_WITHOUT_QUEUE) {
      this.#addUnqueued(requestCounts);
    }
  }

  /** The last request on the connection is over. */
  idle(connection: Connection): void {
    connection.idleTurn = this.#turns.now;
    this.#turns.watch(TURNS_WITHOUT_QUEUE);
  }

  /** The request is over, or waits no more. */
  forget(request: object): void {
    if (this.#latest === request) this.#latest = undefined;
    this.#started = undefined;
    if (this.#waiting.size > 0) this.#leaves(request);
    if (this.#recorded.size > 0) this.#recorded.delete(request);
  }

  forgetAll(): void {
    for (const request of this.#waiting.keys()) this.#leaves(request);
    this.#latest = undefined;
    this.#dispatching = 0;
    this.#recorded.clear();
  }

  /** Before a collection. The gauges of waiting requests are at zero. */
  collected(): void {
    const now = this.#now();
    this.#keepLatest();
    for (const [request, wait] of [...this.#waiting]) this.#countSafely(request, wait);
    for (const counts of this.#registry.allOriginCounts) {
      counts.saturation.collected(now);
      this.#recordUnqueued(counts);
    }
  }

  #countWaiting(request: object, wait: Wait): void {
    this.#waiting.delete(request); // for good if it cannot be read
    if (wait.originCounts === undefined) {
      const origin = wait.originOf();
      if (origin !== undefined) wait.originCounts = this.#registry.originCounts(origin, true);
    }
    if (wait.originCounts !== undefined) {
      wait.originCounts.waiting.value++;
      wait.originCounts.isInUse = true;
    }
    this.#waiting.set(request, wait);
  }

  #add(request: object, since: number, originOf: Wait['originOf'], counts: OriginCounts | undefined): boolean {
    if (this.#waiting.size >= MAX_WAITING) return false;

    this.#waiting.set(request, { since, originOf, originCounts: counts, isQueued: counts !== undefined });
    return true;
  }

  /** Since when the request has been waiting, in undici. It waits no more. */
  #take(request: object): number | undefined {
    const started = this.#started;
    this.#started = undefined;
    let since: number | undefined;
    if (this.#latest === request) {
      this.#latest = undefined;
      since = this.#latestSince;
    } else if (this.#waiting.size > 0) {
      since = this.#leaves(request)?.since;
    }
    return started?.since ?? since;
  }

  #leaves(request: object): Wait | undefined {
    const wait = this.#waiting.get(request);
    if (wait === undefined) return undefined;

    this.#waiting.delete(request);
    if (wait.isQueued) wait.originCounts?.saturation.ended(this.#now());
    return wait;
  }

  #recordWait(seconds: number, counts: OriginCounts): void {
    if (seconds < MIN_WAIT) this.#addUnqueued(counts);
    else this.#record(METRIC, seconds, counts.attributes);
  }

  #addUnqueued(counts: OriginCounts | undefined): void {
    if (counts !== undefined && ++counts.unqueued >= this.#group) this.#recordUnqueued(counts);
  }

  #recordUnqueued(counts: OriginCounts): void {
    if (counts.unqueued === 0) return;

    this.#record(METRIC, 0, counts.attributes, counts.unqueued);
    counts.unqueued = 0;
  }
}
