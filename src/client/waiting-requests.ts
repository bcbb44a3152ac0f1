import type { Origin } from '../core/origins.ts';
import { RenewedMap } from '../core/renewed.ts';
import type { OriginCounts } from '../metrics/origin-counts.ts';
import type { ClientAdapter } from './connection.ts';

/** How many are kept in mind. */
const MAX_WAITING = 10_000;

/** A request that waits for a connection. */
export interface Wait {
  /** Seconds of a monotonic clock. */
  readonly since: number;
  /** Undefined if it is not known. */
  readonly originOf: () => Origin | undefined;
  /** Of its origin, once that was needed. */
  originCounts: OriginCounts | undefined;
  /** It is in the queue of its agent. */
  readonly isQueued: boolean;
}

/** The requests that wait for a connection, as far as their clients show it. */
export class WaitingRequests {
  readonly #now: () => number;
  readonly #waiting = new RenewedMap<object, Wait>();
  /** The request that undici made last. It is usually sent in the same turn, so it is not in the map yet. */
  #latest: object | undefined;
  #latestClient: ClientAdapter | undefined;
  #latestSince = 0;
  /** How many watched dispatchers are asked for a request now, one through the other. They make it in this turn unless it waits in a queue. */
  #dispatching = 0;
  /** The watched request that has a connection, until it is sent, in the same turn. */
  #started: Wait | undefined;

  /** Since when the request has been waiting that was sent last. NaN if that is not known. */
  sentSince = Number.NaN;

  /** `now`: seconds of a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** undici made a request, and sends it in this turn if it can. */
  created<Request extends object>(request: Request, client: ClientAdapter<Request>): void {
    if (this.#dispatching > 0) return; // it is known already

    this.#keepLatest();
    this.#latest = request;
    this.#latestClient = client as ClientAdapter;
    this.#latestSince = this.#now();
  }

  /** A request is in the queue of its agent. Returns false if there is no room for it. */
  queued(request: object, since: number, originCounts: OriginCounts): boolean {
    return this.#add(request, { since, originOf: () => undefined, originCounts, isQueued: true });
  }

  /** A watched dispatcher is asked for a request. */
  dispatching(request: object, originOf: () => Origin | undefined): void {
    if (this.#dispatching++ > 0) return;

    this.#add(request, { since: this.#now(), originOf, originCounts: undefined, isQueued: false });
  }

  dispatched(): void {
    if (this.#dispatching > 0) this.#dispatching--;
  }

  /** A watched request has a connection. */
  started(request: object): void {
    this.#started = this.leaves(request);
  }

  /** Whether the request that is sent now is a watched one. */
  get isWatched(): boolean {
    return this.#started !== undefined;
  }

  /** undici sends the request. Sets `sentSince`, because a number that is returned may be a new object. */
  sent(request: object): void {
    const started = this.#started;
    this.#started = undefined;
    if (this.#latest === request) {
      this.#latest = undefined;
      this.sentSince = started === undefined ? this.#latestSince : started.since;
      return;
    }
    const wait = this.#waiting.size > 0 ? this.leaves(request) : undefined;
    this.sentSince = started?.since ?? wait?.since ?? Number.NaN;
  }

  /** The request waits no more. Returns undefined if it did not wait. */
  leaves(request: object): Wait | undefined {
    const wait = this.#waiting.get(request);
    if (wait === undefined) return undefined;

    this.#waiting.delete(request);
    if (wait.isQueued) wait.originCounts?.saturation.ended(this.#now());
    return wait;
  }

  /** The request is over. */
  forget(request: object): void {
    if (this.#latest === request) this.#latest = undefined;
    this.#started = undefined;
    if (this.#waiting.size > 0) this.leaves(request);
  }

  forgetAll(): void {
    for (const request of this.#waiting.keys()) this.leaves(request);
    this.#latest = undefined;
    this.#started = undefined;
    this.#dispatching = 0;
  }

  /** All of them. Whoever cannot read one forgets it: anybody can publish nonsense. */
  get all(): [request: object, wait: Wait][] {
    this.#keepLatest();
    return [...this.#waiting.entries()];
  }

  #keepLatest(): void {
    if (this.#latest !== undefined && this.#latestClient !== undefined) this.#keep(this.#latest, this.#latestClient);
    this.#latest = undefined;
  }

  /** A function of its own, because the closure makes V8 allocate on each call. */
  #keep(request: object, client: ClientAdapter): void {
    const originOf = () => client.originOf(request, undefined);
    this.#add(request, { since: this.#latestSince, originOf, originCounts: undefined, isQueued: false });
  }

  #add(request: object, wait: Wait): boolean {
    if (this.#waiting.size >= MAX_WAITING) return false;

    this.#waiting.set(request, wait);
    return true;
  }
}
