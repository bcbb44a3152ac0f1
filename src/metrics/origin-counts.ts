import type { OpenCause } from '../core/causes.ts';
import { EXPECTED_FAILURES, OTHER, type Outcome, type Phase } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { RequestFailure } from '../core/request-failures.ts';
import { AddressCounts, type Count, type MakeCount, ownCount } from './address-counts.ts';
import { Saturation } from './saturation.ts';

export type NetworkType = 'ipv4' | 'ipv6';

const NAMES = { requests: 'connmeter.requests', closed: 'connmeter.connection.closed' } as const;

const OUTCOMES: readonly Outcome[] = ['ok', 'failed', 'timed_out'];

/** The common causes. Their series are initialised to zero; those of `replaced` when a connection is closed for that reason. */
const EXPECTED_CAUSES: Readonly<Record<'http' | 'other', readonly OpenCause[]>> = {
  http: ['first', 'new_pool', 'release_race', 'body_held', 'pool_busy'],
  other: ['first', 'pool_busy'],
};

/** How requests fail in the keep-alive race. Their series are initialised to zero, because an alert needs that. */
const RACES: readonly RequestFailure[] = ['closed', 'reset'];

/** Limit of distinct failures per origin, so that the SDK's limit of label sets is not reached. The rest are `_OTHER`. */
const MAX_FAILURE_KINDS = 12;

/** All counts of one origin. */
export class OriginCounts extends AddressCounts<CloseReason> {
  /** Gauge of open connections without HTTP. Those with HTTP are in `inUse`, by state. */
  readonly open: Count;
  /** Gauge of connections held by an unread response body. */
  readonly held: Count;
  /** Seconds spent on DNS, TCP and TLS for connections that carried at most one request. */
  readonly wastedSetup: Count;
  /** Gauge of requests that wait for a connection. */
  readonly waiting: Count;
  /** The time in which at least one of them waited in the queue of its pool. */
  readonly saturated: Count;
  readonly saturation: Saturation;
  /** Requests that did not wait, and are not recorded yet. */
  unqueued = 0;
  /** Gauge of pools that have connections. */
  readonly pools: Count;
  /** Gauge of the connections that those of them may open which have a limit. */
  readonly mostConnections: Count;
  /** What had opened the connection whose idle time is in `idleLimit` last: `agent`, `undici` and so on. */
  idleOwner: string | undefined;
  readonly #opened = new Map<string, Count>();
  readonly #attempts = new Map<NetworkType, Record<Outcome, Count>>();
  readonly #failures = new Map<string, Count>();
  readonly #failedRequests = new Map<string, Count>();
  readonly #phases = new Set<Phase>();

  constructor(origin: Origin, http: boolean, make: MakeCount = ownCount) {
    super(origin, http, NAMES, make);
    this.open = this.gauge({});
    this.held = this.gauge({});
    this.wastedSetup = this.httpCounter('connmeter.setup.wasted', {});
    this.waiting = this.gauge({});
    this.saturated = this.httpCounter('connmeter.pool.saturated', {});
    this.saturation = new Saturation(this.saturated);
    this.pools = this.gauge({});
    this.mostConnections = this.gauge({});
    if (http) for (const failure of RACES) this.failedRequest(true, failure);
    for (const cause of EXPECTED_CAUSES[http ? 'http' : 'other']) this.opened(cause, undefined);
  }

  opened(cause: OpenCause, predecessor: CloseReason | undefined): Count {
    const key = predecessor ?? cause;
    let count = this.#opened.get(key);
    if (count === undefined) {
      const reason = predecessor === undefined ? {} : { 'connmeter.close.reason': predecessor };
      count = this.counter('connmeter.connection.opened', { 'connmeter.open.cause': cause, ...reason });
      this.#opened.set(key, count);
    }
    return count;
  }

  override closed(reason: CloseReason): Count {
    this.opened('replaced', reason); // initialises the series of its replacement
    return super.closed(reason);
  }

  /** Requests that failed after they had a connection, a reused one or not. HTTP only. */
  failedRequest(reused: boolean, failure: RequestFailure): Count {
    const key = `${failure} ${reused}`;
    let count = this.#failedRequests.get(key);
    if (count === undefined) {
      const attributes = { 'connmeter.connection.reused': reused, 'error.type': failure };
      count = this.httpCounter('connmeter.requests.failed', attributes);
      this.#failedRequests.set(key, count);
    }
    return count;
  }

  get allFailedRequests(): Count[] {
    return this.http ? [...this.#failedRequests.values()] : [];
  }

  attempt(type: NetworkType, outcome: Outcome): Count {
    let outcomes = this.#attempts.get(type);
    if (outcomes === undefined) {
      const atZero = (name: Outcome) =>
        this.counter('connmeter.connect.attempts', { 'network.type': type, 'connmeter.outcome': name });
      outcomes = { ok: atZero('ok'), failed: atZero('failed'), timed_out: atZero('timed_out') };
      this.#attempts.set(type, outcomes);
    }
    return outcomes[outcome];
  }

  failure(phase: Phase, errorType: string): Count {
    const key = `${phase} ${errorType}`;
    let count = this.#failures.get(key);
    if (count === undefined) {
      if (this.#failures.size >= MAX_FAILURE_KINDS && errorType !== OTHER) return this.failure(phase, OTHER);
      count = this.counter('connmeter.connection.failed', { 'connmeter.phase': phase, 'error.type': errorType });
      this.#failures.set(key, count);
    }
    return count;
  }

  /** A connection of this origin has reached a phase. Initialises the series of its common failures to zero. */
  initialiseFailures(phase: Phase): void {
    if (this.#phases.has(phase)) return;

    this.#phases.add(phase);
    for (const errorType of EXPECTED_FAILURES[phase]) this.failure(phase, errorType);
  }

  override resetGauges(): void {
    super.resetGauges();
    this.open.value = 0;
    this.held.value = 0;
    this.waiting.value = 0;
    this.pools.value = 0;
    this.mostConnections.value = 0;
  }

  get allOpened(): Count[] {
    return [...this.#opened.values()];
  }

  get attempts(): Count[] {
    return [...this.#attempts.values()].flatMap(outcomes => OUTCOMES.map(outcome => outcomes[outcome]));
  }

  get failures(): Count[] {
    return [...this.#failures.values()];
  }
}
