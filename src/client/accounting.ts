import { currentPhase, failedPhase, failureType, isGivenUp, type Phase } from '../core/errors.ts';
import type { GoawayCode } from '../core/goaway-codes.ts';
import type { Guard } from '../core/guard.ts';
import type { Origin } from '../core/origins.ts';
import { connectSeconds, setupSeconds, tlsSeconds } from '../core/phases.ts';
import type { RequestFailure } from '../core/request-failures.ts';
import { RingBuffer } from '../core/ring-buffer.ts';
import type { Lookups } from '../metrics/lookups.ts';
import type { OriginCounts } from '../metrics/origin-counts.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import { countInUse, countRequest, type LifetimeMetrics, recordLifetime } from '../metrics/tracked-connection.ts';
import type { UncountedRecords } from '../metrics/uncounted.ts';
import type { CallSites, HeldOrigin } from './attribution/call-sites.ts';
import type { MemberPool } from './attribution/pool-member.ts';
import type { Pools } from './attribution/pools.ts';
import { type Connection, isOriginKnown, isPastLookup, originOfConnection, reasonOfClosed } from './connection.ts';
import type { ConnectionStates } from './connection-states.ts';
import type { ConnectionTracer } from './connection-tracer.ts';
import type { IdleTimes } from './idle-times.ts';
import type { QueueTimes } from './queue-times.ts';
import { MAX_CLOSED } from './snapshot.ts';
import { uncountedOf } from './uncounted.ts';

const LIFETIME_METRICS: LifetimeMetrics = {
  requests: 'connmeter.connection.requests',
  duration: 'http.client.connection.duration',
};

/** How many closed connections may wait to be counted. */
const MAX_UNCOUNTED = 32;

/** Without a limit, a server allows any 32-bit number of streams. */
const NO_STREAM_LIMIT = 2 ** 31 - 1;

/** How many connections to each origin are open, and how many of them unread bodies hold. */
type HeldCounts = Map<OriginCounts, { readonly origin: Origin; open: number; held: number }>;

interface Dependencies {
  readonly registry: MetricRegistry;
  readonly lookups: Lookups;
  readonly pools: Pools;
  readonly states: ConnectionStates;
  readonly callSites: CallSites;
  readonly idleTimes: IdleTimes;
  readonly queueTimes: QueueTimes;
  readonly record: Recorder;
  readonly guard: Guard;
  readonly tracer: ConnectionTracer | undefined;
}

/**
 * Counts each connection once, under one origin.
 *
 * When a socket opens, its use is not known yet. So a connection and its first request are counted later: with the second
 * request, at the next collection or after the close. From then on the connection belongs to that origin, and each request
 * is counted when it is sent.
 *
 * Closed connections are counted in groups, because counting one alone costs several times as much: neither our code nor
 * the SDK's is in the processor's caches.
 *
 * A worker thread can be blocked or terminated at any time. There, closed connections are counted at once, and what is to be
 * counted of the others is written to records, for the main thread.
 */
export class ConnectionAccounting {
  readonly #registry: MetricRegistry;
  readonly #lookups: Lookups;
  readonly #pools: Pools;
  readonly #states: ConnectionStates;
  readonly #callSites: CallSites;
  readonly #idleTimes: IdleTimes;
  readonly #queueTimes: QueueTimes;
  readonly #tracer: ConnectionTracer | undefined;
  /** Empty except during a collection. */
  readonly #pooled = new Set<MemberPool>();
  readonly #record: Recorder;
  readonly #records: UncountedRecords | undefined;
  readonly #maxUncounted: number;
  readonly #uncounted: Connection[] = [];
  /** Empty except during a collection. */
  readonly #held = new Map<OriginCounts, Origin>();
  readonly recentlyClosed = new RingBuffer<Connection>(MAX_CLOSED);
  // Each connection has a guard of its own, so that one that throws does not affect the others.
  readonly #assignSafely: (connection: Connection) => void;
  readonly #checkHeldSafely: (connection: Connection, found: HeldCounts) => void;
  readonly #countStateSafely: (connection: Connection) => void;

  constructor({
    registry,
    lookups,
    pools,
    states,
    callSites,
    idleTimes,
    queueTimes,
    record,
    guard,
    tracer,
  }: Dependencies) {
    this.#registry = registry;
    this.#lookups = lookups;
    this.#pools = pools;
    this.#states = states;
    this.#callSites = callSites;
    this.#idleTimes = idleTimes;
    this.#queueTimes = queueTimes;
    this.#record = record;
    this.#tracer = tracer;
    this.#records = registry.uncounted;
    this.#maxUncounted = registry.uncounted === undefined ? MAX_UNCOUNTED : 1;
    this.#assignSafely = guard('connection', (connection: Connection) => void this.assignToOrigin(connection));
    this.#checkHeldSafely = guard('connection', (connection: Connection, found: HeldCounts) => {
      if (connection.counts?.http) this.#checkHeld(connection, connection.counts, found);
    });
    this.#countStateSafely = guard('connection', (connection: Connection) => this.#countState(connection));
  }

  /** The connection is open: counts the requests that were sent before that. `caller`: who made the request that it is for. */
  opened(connection: Connection, caller: string | undefined): void {
    if (connection.request !== undefined) this.requestSent(connection, caller);
    for (let stream = 0; stream < connection.requestsInProgress; stream++) this.requestSent(connection, undefined);
    if (connection.record === undefined) this.#writeRecord(connection);
  }

  /** Decides under which origin the connection is counted, and counts it. Later calls return the same counts. */
  assignToOrigin(connection: Connection): OriginCounts {
    if (connection.counts !== undefined) return connection.counts;

    if (connection.closed === undefined) this.#assignToPool(connection);
    if (connection.opened !== undefined) {
      this.#pools.decideCause(connection, originOfConnection(connection));
      this.#tracer?.counted(connection);
    }
    const counts = this.#registry.originCounts(originOfConnection(connection), connection.http);
    connection.counts = counts;
    connection.requestCounts = counts;
    if (connection.resolved !== undefined) counts.initialiseFailures('dns');
    if (connection.attempts.length > 0) counts.initialiseFailures('connect');
    if (!this.#countOpenedAndFirstRequest(connection, counts)) return counts;

    for (const { type, outcome } of connection.attempts) {
      if (outcome !== undefined) counts.attempt(type, outcome).value++;
    }
    if (connection.opened !== undefined) this.#recordOpened(connection, counts);
    if (connection.requests > 0) this.#queueTimes.firstCounted(connection);
    return counts;
  }

  /** From now on, the connection's requests go to another origin through a tunnel, in which none was sent yet. */
  enterTunnel(connection: Connection, origin: Origin): void {
    this.assignToOrigin(connection).initialiseFailures('proxy');
    connection.requestCounts = this.#registry.originCounts(origin, true);
    connection.requests = 0;
  }

  /** There is no tunnel through the proxy that the connection goes to. Counted once. */
  tunnelFailed(connection: Connection, type: string): void {
    if (connection.tunnelError !== undefined) return;

    connection.tunnelError = type;
    countFailure(this.assignToOrigin(connection), 'proxy', type);
    this.#callSites.lines?.counted(connection, originOfConnection(connection), 'failed_proxy');
  }

  /** The connection was opened before connmeter started. It is not counted, but its requests are. */
  openedEarlier(connection: Connection, origin: Origin, reused: boolean): void {
    connection.counts = connection.requestCounts = this.#registry.originCounts(origin, true);
    connection.requests = reused ? 1 : 0;
  }

  /** What is to be counted of an open connection. */
  #writeRecord(connection: Connection): void {
    if (this.#records === undefined || connection.counts !== undefined) return;

    const origin = originOfConnection(connection);
    const attributes = this.#registry.originAttributes(origin, connection.http);
    const likely = this.#pools.likelyCauseOf(connection, origin);
    const earlier = connection.record === 'counted' ? undefined : connection.record;
    connection.record = this.#records.write(uncountedOf(connection, attributes, likely), earlier);
  }

  /** Whether the main thread has counted the connection, without the request that is sent now. Otherwise writes it to its record. */
  #isCounted(connection: Connection): boolean {
    if (connection.record !== 'counted') this.#writeRecord(connection);
    return connection.record === 'counted';
  }

  /** Counts the connections whose use is known: closed ones, and those of HTTP clients. */
  countPending(live: Iterable<Connection>): void {
    this.#countClosedConnections();
    for (const connection of live) {
      if (connection.opened !== undefined && connection.http) this.#assignSafely(connection);
    }
  }

  /** A request was sent on an open connection. */
  requestSent(connection: Connection, caller: string | undefined): void {
    if (connection.counts === undefined && connection.requests === 0) {
      connection.caller = caller;
      connection.requests = 1; // it is counted together with the connection
      if (!this.#isCounted(connection)) return;

      connection.requests = 0;
    }
    const counts = connection.requestCounts ?? this.assignToOrigin(connection);
    if (!counts.http) connection.requestCounts = this.#registry.originCounts(originOfConnection(connection), true);
    connection.caller = caller;
    countRequest(connection, (connection.requestCounts as OriginCounts).by(caller));
  }

  /** A request on the connection failed in this way, if any. */
  requestFailed(connection: Connection, failure: RequestFailure | undefined): void {
    if (failure === undefined) return;

    const counts = connection.requestCounts ?? this.assignToOrigin(connection);
    counts.failedRequest(connection.requests > 1, failure).value++;
  }

  /** The server sent GOAWAY. */
  goawayReceived(connection: Connection, code: GoawayCode): void {
    this.assignToOrigin(connection).goaway(code).value++;
  }

  /** The connection closed, or the attempt failed. */
  closed(connection: Connection): void {
    if (connection.opened !== undefined) this.#closedOpen(connection);
    // Otherwise `connect` was undone before anything happened.
    else if (connection.hasBegun || connection.error !== undefined) this.#countFailed(connection);
    this.#pools.withdraw(connection);
  }

  /** Sets all gauges to the current state of the connections. */
  refreshGauges(live: Iterable<Connection>): void {
    this.#countClosedConnections();
    for (const connection of live) if (connection.opened !== undefined) this.#assignSafely(connection);
    for (const counts of this.#registry.allOriginCounts) counts.resetGauges();
    this.#registry.resetPending();
    for (const connection of live) this.#countStateSafely(connection);
    this.#pooled.clear();
    this.#queueTimes.collected();
    this.#callSites.collected(this.#heldOrigins());
  }

  /** Looks for unread bodies as a collection does, and leaves the gauges as they are. */
  checkHeld(live: Iterable<Connection>): void {
    const found: HeldCounts = new Map();
    for (const connection of live) this.#checkHeldSafely(connection, found);
    this.#callSites.lookedAt(
      [...found.values()]
        .filter(({ held }) => held > 0)
        .map(({ origin, open, held }) => ({ origin, allHeld: held === open })),
    );
  }

  #checkHeld(connection: Connection, counts: OriginCounts, found: HeldCounts): void {
    const seen = found.get(counts) ?? { origin: originOfConnection(connection), open: 0, held: 0 };
    seen.open++;
    if (this.#states.isHeld(connection)) seen.held++;
    found.set(counts, seen);
  }

  #heldOrigins(): HeldOrigin[] {
    const origins = Array.from(this.#held, ([counts, origin]) => ({ origin, allHeld: isHeldCompletely(counts) }));
    this.#held.clear();
    return origins;
  }

  #countState(connection: Connection): void {
    if (connection.opened !== undefined) this.#countInUse(connection);
    else if (connection.hasBegun) this.#countAttempt(connection);
  }

  /** The connection is not open yet. */
  #countAttempt(connection: Connection): void {
    const phase = currentPhase(connection, isPastLookup(connection));
    if (phase === 'dns' && connection.resolved === undefined) this.#registry.lookupsAwaited++;
    if (!isOriginKnown(connection)) return;

    const origin = originOfConnection(connection);
    this.#registry.pendingTo(origin).in(phase).value++;
    const { openedFor, request, waitedSince } = connection;
    if (openedFor !== undefined || request !== undefined || waitedSince !== undefined)
      this.#registry.originCounts(origin, true).waiting.value++;
  }

  /** Returns false if all of the connection is counted, because its thread was blocked. */
  #countOpenedAndFirstRequest(connection: Connection, counts: OriginCounts): boolean {
    const { caller, cause, openedBy, record, replacedReason } = connection;
    if (record === 'counted') return false;

    const isOpened = connection.opened !== undefined;
    const opened = isOpened
      ? counts.by(openedBy).opened(cause === 'pending' ? 'unknown' : cause, replacedReason)
      : undefined;
    const requests = connection.requests > 0 ? counts.by(caller).requests.fresh : undefined;
    connection.record = undefined;
    if (record !== undefined) return this.#records?.count(record, opened, requests) === true;

    if (opened !== undefined) opened.value++;
    if (requests !== undefined) requests.value++;
    if (isOpened) {
      const kind = replacedReason ?? (cause === 'pending' ? 'unknown' : cause);
      this.#callSites.lines?.counted(connection, originOfConnection(connection), kind);
    }
    return true;
  }

  #recordOpened(connection: Connection, counts: OriginCounts): void {
    this.#recordConnect(connection, counts);
    const tls = tlsSeconds(connection);
    if (tls !== undefined && connection.tls !== undefined) {
      counts.initialiseFailures('tls');
      this.#record('connmeter.tls.handshake.duration', tls, counts.handshake(connection.tls));
    }
  }

  #countFailed(connection: Connection): void {
    const { error } = connection;
    const phase = failedPhase(connection, isPastLookup(connection), error);
    const type = failureType(error, connection.timedOut);
    const counts = this.assignToOrigin(connection);
    countFailure(counts, phase, type);
    this.#tracer?.failed(connection, phase, type);
    this.#callSites.opened(originOfConnection(connection), `failed_${phase}`, connection.openedAt);
    this.#callSites.lines?.counted(connection, originOfConnection(connection), `failed_${phase}`);
    if (phase === 'tls') this.#recordConnect(connection, counts);
    if (phase === 'dns' && connection.resolved === undefined && isGivenUp(error)) {
      const { origin, started, closed = started } = connection;
      this.#lookups.abandoned(origin?.address, started, closed - started, type);
    }
  }

  #recordConnect(connection: Connection, counts: OriginCounts): void {
    const connect = connectSeconds(connection);
    if (connect !== undefined && connection.attempts.length > 0) {
      this.#record('connmeter.connect.duration', connect, counts.attributes);
    }
  }

  #closedOpen(connection: Connection): void {
    this.#assignToPool(connection);
    connection.reason = this.#states.reasonOf(connection);
    this.#pools.decideCause(connection, originOfConnection(connection));
    connection.requestFailure = this.#states.requestFailureOf(connection);
    const tunnelError = this.#states.tunnelErrorOf(connection);
    if (tunnelError !== undefined) this.tunnelFailed(connection, tunnelError);
    this.#pools.closed(connection, connection.reason);
    if (connection.requestSite !== undefined)
      this.#callSites.closed(originOfConnection(connection), reasonOfClosed(connection), connection.requestSite);
    this.recentlyClosed.add(connection);
    this.#uncounted.push(connection);
    if (this.#uncounted.length >= this.#maxUncounted) this.#countClosedConnections();
  }

  /** A socket that no HTTP client claimed has no agent or dispatcher. */
  #assignToPool(connection: Connection): void {
    if (connection.pool === undefined) this.#pools.assign(connection, originOfConnection(connection), undefined);
  }

  #countClosedConnections(): void {
    while (this.#uncounted.length > 0) this.#countClosed(this.#uncounted.shift() as Connection);
  }

  #countClosed(connection: Connection): void {
    const counts = this.assignToOrigin(connection);
    const reason = reasonOfClosed(connection);
    counts.closed(reason).value++;
    if (!counts.http) return;

    this.#idleTimes.ended(connection, reason, counts);
    this.requestFailed(connection, connection.requestFailure);

    const { attributes } = counts.inUse(connection.version).requests;
    recordLifetime(connection, LIFETIME_METRICS, attributes, connection.closed as number, this.#record);
    if (connection.requests > 1) return;

    counts.wastedSetup.value += setupSeconds(connection);
  }

  #countInUse(connection: Connection): void {
    const { counts } = connection;
    if (counts?.http === false) counts.open.value++;
    countInUse(connection, this.#states.isBusy(connection), this.#states.requestsOn(connection));
    if (counts?.http) this.#countHeld(connection, counts);
    if (counts?.http) this.#countPool(connection, counts);
    if (counts?.http && connection.version === '2') this.#countStreams(connection, counts);
  }

  #countStreams({ mostStreams, session }: Connection, counts: OriginCounts): void {
    const { streams } = counts;
    counts.goaway('NO_ERROR'); // initialises its series
    streams.most.value = Math.max(streams.most.value, mostStreams);
    const limit = session?.remoteSettings?.maxConcurrentStreams ?? NO_STREAM_LIMIT;
    if (limit < NO_STREAM_LIMIT) streams.limit.value += limit;
  }

  #countPool({ pool }: Connection, counts: OriginCounts): void {
    if (pool === undefined || pool.owner === 'none' || !pool.isKnown || this.#pooled.has(pool)) return;

    this.#pooled.add(pool);
    counts.pools.value++;
    if (pool.limit !== Infinity) counts.mostConnections.value += pool.limit;
  }

  #countHeld(connection: Connection, counts: OriginCounts): void {
    if (this.#states.heldSince(connection) === undefined) return;

    counts.held.value++;
    this.#held.set(counts, originOfConnection(connection));
  }
}

/** Whether unread bodies hold every open connection to an origin. */
function isHeldCompletely({ held, allInUse }: OriginCounts): boolean {
  return held.value === allInUse.reduce((sum, { active, idle }) => sum + active.value + idle.value, 0);
}

function countFailure(counts: OriginCounts, phase: Phase, type: string): void {
  counts.initialiseFailures(phase);
  counts.failure(phase, type).value++;
}
