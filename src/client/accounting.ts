import { errorType, failedOutcome, failedPhase } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import { phasesOf } from '../core/phases.ts';
import { RingBuffer } from '../core/ring-buffer.ts';
import type { OriginCounts } from '../metrics/origin-counts.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { MetricRegistry } from '../metrics/registry.ts';
import { countInUse, countRequest, type LifetimeMetrics, recordLifetime } from '../metrics/tracked-connection.ts';
import type { CallSites } from './attribution/call-sites.ts';
import type { Pools } from './attribution/pools.ts';
import { attemptEnded, type Connection, originOfConnection, releaseReferences } from './connection.ts';
import type { ConnectionStates } from './connection-states.ts';
import { MAX_CLOSED } from './snapshot.ts';

/** How long nothing may be read before a body counts as held: a reader may be slow for a moment. */
const HELD_SECONDS = 0.5;

const LIFE: LifetimeMetrics = {
  requests: 'connmeter.connection.requests',
  duration: 'http.client.connection.duration',
};

/** How many closed connections wait at most until they are written down. */
const MAX_UNCOUNTED = 32;

/** What the accounts need from outside. */
interface Dependencies {
  readonly registry: MetricRegistry;
  readonly pools: Pools;
  readonly states: ConnectionStates;
  readonly callSites: CallSites;
  readonly record: Recorder;
  /** Seconds of a monotonic clock. */
  readonly now: () => number;
  readonly guard: Guard;
}

/**
 * What is counted of a connection, where, and once.
 *
 * A socket does not say at once what it is for, so an opened connection is *unsettled*: not counted yet, nor its first
 * request. Its second request or the next collection settles it, and it stays as it was counted. One that is closed before
 * waits until it is written down together with others: alone it would find none of the code and figures it needs, our
 * own and the SDK's, in the processor's caches, and cost several times as much.
 */
export class ConnectionAccounting {
  readonly #registry: MetricRegistry;
  readonly #pools: Pools;
  readonly #record: Recorder;
  readonly #now: () => number;
  readonly #uncounted: Connection[] = [];
  readonly #states: ConnectionStates;
  /** Each connection is looked at behind a guard of its own: one that cannot be looked at spoils no other. */
  readonly #settleSafely: (connection: Connection) => void;
  readonly #countNow: (connection: Connection) => void;
  readonly #callSites: CallSites;
  readonly closedLast = new RingBuffer<Connection>(MAX_CLOSED);

  constructor({ registry, pools, states, callSites, record, now, guard }: Dependencies) {
    this.#registry = registry;
    this.#pools = pools;
    this.#states = states;
    this.#callSites = callSites;
    this.#record = record;
    this.#now = now;
    this.#settleSafely = guard('connection', (connection: Connection) => void this.assignToOrigin(connection));
    this.#countNow = guard('connection', (connection: Connection) => this.#countState(connection));
  }

  opened(connection: Connection, at: number): void {
    connection.opened = at;
    if (connection.request !== undefined) this.requestSent(connection);
    for (let stream = 0; stream < connection.streams; stream++) this.requestSent(connection);
  }

  /** Decides where the connection is counted, and counts it there. */
  assignToOrigin(connection: Connection): OriginCounts {
    if (connection.counts !== undefined) return connection.counts;

    const origin = originOfConnection(connection);
    if (connection.pool === undefined && connection.closed === undefined)
      this.#pools.assign(connection, origin, undefined);
    const counts = this.#registry.originCounts(origin, connection.http);
    connection.counts = counts;
    connection.requestCounts = counts;
    if (connection.resolved !== undefined) counts.initialiseFailures('dns');
    if (connection.attempts.length > 0) counts.initialiseFailures('connect');
    for (const { type, outcome } of connection.attempts) {
      if (outcome !== undefined) counts.attempt(type, outcome).value++;
    }
    if (connection.opened !== undefined) this.#countOpened(connection, counts);
    if (connection.requests > 0) counts.requests.fresh.value++;
    return counts;
  }

  /** Counts what nothing more can be learned of: those closed, and those that a client has claimed. */
  countPending(live: Iterable<Connection>): void {
    this.#countClosedConnections();
    for (const connection of live) {
      if (connection.opened !== undefined && connection.http) this.#settleSafely(connection);
    }
  }

  requestSent(connection: Connection): void {
    if (connection.counts === undefined && connection.requests === 0) {
      connection.requests = 1; // counted when the connection is
      return;
    }
    const settled = connection.requestCounts ?? this.assignToOrigin(connection);
    if (!settled.http) connection.requestCounts = this.#registry.originCounts(originOfConnection(connection), true);
    countRequest(connection, connection.requestCounts as OriginCounts);
  }

  /** The end of a connection, or of an attempt. */
  closed(connection: Connection): void {
    connection.closed = this.#now();
    connection.error = this.#states.errorOf(connection);
    if (connection.opened !== undefined) this.#closedOpen(connection);
    else if (connection.hasBegun || connection.error !== undefined) this.#countFailed(connection); // else undone before it began
    connection.pool?.remove(connection, undefined);
    releaseReferences(connection);
  }

  /** Brings the ledger's states up to now. */
  refreshGauges(live: Iterable<Connection>): void {
    this.#countClosedConnections();
    for (const connection of live) if (connection.opened !== undefined) this.#settleSafely(connection);
    for (const counts of this.#registry.allOriginCounts) counts.resetGauges();
    this.#registry.lookupsPending.value = 0;
    for (const connection of live) this.#countNow(connection);
  }

  #countState(connection: Connection): void {
    if (connection.opened !== undefined) this.#countInUse(connection);
    else if (connection.hasBegun && connection.resolved === undefined && !connection.dialled) {
      this.#registry.lookupsPending.value++;
    }
  }

  #countOpened(connection: Connection, counts: OriginCounts): void {
    counts.opened(connection.cause, connection.replacedReason).value++;
    this.#recordConnect(connection, counts);
    const { tls } = phasesOf(connection);
    if (tls !== undefined && connection.tls !== undefined) {
      counts.initialiseFailures('tls');
      this.#record('connmeter.tls.handshake.duration', tls, {
        ...counts.attributes,
        'tls.protocol.version': connection.tls.version,
        'tls.resumed': connection.tls.resumed,
      });
    }
  }

  #countFailed(connection: Connection): void {
    const { error } = connection;
    attemptEnded(connection, failedOutcome(error));
    const phase = failedPhase(connection, connection.dialled, error);
    const counts = this.assignToOrigin(connection);
    counts.initialiseFailures(phase);
    counts.failure(phase, errorType(error)).value++;
    if (phase === 'tls') this.#recordConnect(connection, counts);
  }

  #recordConnect(connection: Connection, counts: OriginCounts): void {
    const { connect } = phasesOf(connection);
    if (connect !== undefined && connection.attempts.length > 0) {
      this.#record('connmeter.connect.duration', connect, counts.attributes);
    }
  }

  #closedOpen(connection: Connection): void {
    if (connection.pool === undefined) this.#pools.assign(connection, originOfConnection(connection), undefined);
    connection.reason ??= this.#states.reasonOf(connection);
    connection.pool?.remove(connection, connection.reason);
    this.closedLast.add(connection);
    this.#uncounted.push(connection);
    if (this.#uncounted.length >= MAX_UNCOUNTED) this.#countClosedConnections();
  }

  #countClosedConnections(): void {
    while (this.#uncounted.length > 0) this.#countClosed(this.#uncounted.shift() as Connection);
  }

  #countClosed(connection: Connection): void {
    const counts = this.assignToOrigin(connection);
    counts.closed(connection.reason ?? 'unknown').value++;
    if (!counts.http) return;

    const { attributes } = counts.inUse(connection.version).requests;
    recordLifetime(connection, LIFE, attributes, connection.closed as number, this.#record);
    if (connection.requests > 1) return;

    const { dns, connect, tls } = phasesOf(connection);
    counts.wastedSetup.value += (dns ?? 0) + (connect ?? 0) + (tls ?? 0);
  }

  #countInUse(connection: Connection): void {
    const { counts } = connection;
    countInUse(connection, this.#states.isBusy(connection), this.#states.requestsOn(connection));
    if (counts?.http) this.#countHeld(connection, counts);
  }

  #countHeld(connection: Connection, counts: OriginCounts): void {
    connection.held = this.#isStalled(connection) && this.#states.isHeld(connection);
    if (!connection.held) return;

    counts.held.value++;
    if (connection.request === undefined || connection.callSiteReported) return;
    connection.callSiteReported = this.#callSites.bodyHeld(connection.request, originOfConnection(connection));
  }

  /** Nothing was read from the socket for a while, as far as the looks at it tell. */
  #isStalled(connection: Connection): boolean {
    const bytesRead = connection.socket?.bytesRead ?? 0;
    const now = this.#now();
    if (connection.bytesReadAtCheck !== bytesRead) {
      connection.bytesReadAtCheck = bytesRead;
      connection.stalledSince = now;
    }
    return now - connection.stalledSince >= HELD_SECONDS;
  }
}
