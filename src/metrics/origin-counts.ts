import type { Attributes } from '@opentelemetry/api';
import type { OpenCause } from '../core/causes.ts';
import { EXPECTED_FAILURES, OTHER, type Outcome, type Phase } from '../core/errors.ts';
import type { GoawayCode } from '../core/goaway-codes.ts';
import type { Origin } from '../core/origins.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { RequestFailure } from '../core/request-failures.ts';
import { AddressCounts, type Count, type MakeCount, ownCount } from './address-counts.ts';
import { CallerCounts, type RequestCounts } from './caller-counts.ts';
import { OpenedCounts, openedLabels } from './opened-counts.ts';
import { Saturation } from './saturation.ts';

export type NetworkType = 'ipv4' | 'ipv6';

const NAMES = { requests: 'connmeter.requests', closed: 'connmeter.connection.closed' } as const;

const OUTCOMES: readonly Outcome[] = ['ok', 'failed', 'timed_out'];

/** How requests fail in the keep-alive race. Their series are initialised to zero, because an alert needs that. */
const RACES: readonly RequestFailure[] = ['closed', 'reset'];

/** Limit of distinct failures per origin, so that the SDK's limit of label sets is not reached. The rest are `_OTHER`. */
const MAX_FAILURE_KINDS = 12;

/** All counts of one origin. */
export class OriginCounts extends AddressCounts<CloseReason> implements RequestCounts {
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
  unqueued = 0;
  /** Gauge of pools that have connections. */
  readonly pools: Count;
  /** Gauge of the connections that those of them may open which have a limit. */
  readonly mostConnections: Count;
  /** Gauges of HTTP/2: the most streams at once on one connection, and how many the server allows on all of them. */
  readonly streams: { readonly most: Count; readonly limit: Count };
  /** What had opened the connection whose idle time is in `idleLimit` last: `agent`, `undici` and so on. */
  idleOwner: string | undefined;
  readonly #opened: OpenedCounts;
  readonly #callers = new Map<string, CallerCounts>();
  readonly #attempts = new Map<NetworkType, Record<Outcome, Count>>();
  readonly #failures = new Map<string, Count>();
  readonly #failedRequests = new Map<string, Count>();
  readonly #goaways = new Map<GoawayCode, Count>();
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
    this.streams = { most: this.gauge({}), limit: this.gauge({}) };
    if (http) for (const failure of RACES) this.failedRequest(true, failure);
    this.#opened = new OpenedCounts(http, (cause, predecessor) =>
      this.counter('connmeter.connection.opened', openedLabels(cause, predecessor)),
    );
  }

  opened(cause: OpenCause, predecessor: CloseReason | undefined): Count {
    return this.#opened.of(cause, predecessor);
  }

  /** The counts of the requests of a caller. If it is undefined, those of all requests that have none. HTTP only. */
  by(caller: string | undefined): RequestCounts {
    if (caller === undefined || !this.http) return this;

    let counts = this.#callers.get(caller);
    if (counts === undefined) {
      counts = new CallerCounts(caller, this.attributes, (metric, attributes) => this.counter(metric, attributes));
      for (const reason of this.allReasons) counts.opened('replaced', reason);
      this.#callers.set(caller, counts);
    }
    return counts;
  }

  override closed(reason: CloseReason): Count {
    // Initialises the series of its replacement.
    this.opened('replaced', reason);
    for (const caller of this.#callers.values()) caller.opened('replaced', reason);
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
    this.streams.most.value = 0;
    this.streams.limit.value = 0;
  }

  get allOpened(): Count[] {
    return [...this.#opened.all, ...this.callers.flatMap(({ allOpened }) => allOpened)];
  }

  get allRequests(): Count[] {
    const { fresh, reused } = this.requests;
    return this.http ? [fresh, reused, ...this.callers.flatMap(({ allRequests }) => allRequests)] : [];
  }

  get callers(): CallerCounts[] {
    return [...this.#callers.values()];
  }

  override get histogramAttributes(): Attributes[] {
    return [...super.histogramAttributes, ...this.callers.map(({ attributes }) => attributes)];
  }

  /** GOAWAY frames of HTTP/2 that the server sent. */
  goaway(code: GoawayCode): Count {
    let count = this.#goaways.get(code);
    if (count === undefined) {
      count = this.httpCounter('connmeter.http2.goaway', { 'connmeter.http2.code': code });
      this.#goaways.set(code, count);
    }
    return count;
  }

  get goaways(): Count[] {
    return this.http ? [...this.#goaways.values()] : [];
  }

  get attempts(): Count[] {
    return [...this.#attempts.values()].flatMap(outcomes => OUTCOMES.map(outcome => outcomes[outcome]));
  }

  get failures(): Count[] {
    return [...this.#failures.values()];
  }
}
