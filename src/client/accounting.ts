import { errorType, failedOutcome, failedPhase } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import { phasesOf } from '../core/phases.ts';
import { Recent } from '../core/ring-buffer.ts';
import type { Tally } from '../metrics/origin-counts.ts';
import type { Recorder } from '../metrics/recorder.ts';
import type { Ledger } from '../metrics/registry.ts';
import { countInUse, countRequest, type LifeMetrics, recordLife } from '../metrics/tracked-connection.ts';
import type { CallSites } from './attribution/call-sites.ts';
import type { Pools } from './attribution/pools.ts';
import { attemptEnded, type Connection, letGo, originOfConnection } from './connection.ts';
import type { ConnectionStates } from './connection-states.ts';
import { MOST_CLOSED } from './snapshot.ts';

/** How long nothing may be read before a body counts as held: a reader may be slow for a moment. */
const HELD_SECONDS = 0.5;

const LIFE: LifeMetrics = { requests: 'connmeter.connection.requests', duration: 'http.client.connection.duration' };

/** How many closed connections wait at most until they are written down. */
const MOST_UNWRITTEN = 32;

/** What the accounts need from outside. */
interface Needed {
  readonly ledger: Ledger;
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
export class Accounts {
  readonly #ledger: Ledger;
  readonly #pools: Pools;
  readonly #record: Recorder;
  readonly #now: () => number;
  readonly #unwritten: Connection[] = [];
  readonly #states: ConnectionStates;
  /** Each connection is looked at behind a guard of its own: one that cannot be looked at spoils no other. */
  readonly #settleSafely: (connection: Connection) => void;
  readonly #countNow: (connection: Connection) => void;
  readonly #callSites: CallSites;
  readonly closedLast = new Recent<Connection>(MOST_CLOSED);

  constructor({ ledger, pools, states, callSites, record, now, guard }: Needed) {
    this.#ledger = ledger;
    this.#pools = pools;
    this.#states = states;
    this.#callSites = callSites;
    this.#record = record;
    this.#now = now;
    this.#settleSafely = guard('connection', (connection: Connection) => void this.settle(connection));
    this.#countNow = guard('connection', (connection: Connection) => this.#countState(connection));
  }

  opened(connection: Connection, at: number): void {
    connection.opened = at;
    if (connection.request !== undefined) this.requestSent(connection);
    for (let stream = 0; stream < connection.streams; stream++) this.requestSent(connection);
  }

  /** Decides where the connection is counted, and counts it there. */
  settle(connection: Connection): Tally {
    if (connection.tally !== undefined) return connection.tally;

    const origin = originOfConnection(connection);
    if (connection.place === undefined && connection.closed === undefined)
      this.#pools.joined(connection, origin, undefined);
    const tally = this.#ledger.tally(origin, connection.http);
    connection.tally = tally;
    connection.target = tally;
    if (connection.resolved !== undefined) tally.passes('dns');
    if (connection.attempts.length > 0) tally.passes('connect');
    for (const { type, outcome } of connection.attempts) {
      if (outcome !== undefined) tally.attempt(type, outcome).value++;
    }
    if (connection.opened !== undefined) this.#countOpened(connection, tally);
    if (connection.requests > 0) tally.requests.fresh.value++;
    return tally;
  }

  /** Counts what nothing more can be learned of: those closed, and those that a client has claimed. */
  bringUpToDate(live: ReadonlyMap<object, Connection>): void {
    this.#writeDown();
    for (const connection of live.values()) {
      if (connection.opened !== undefined && connection.http) this.#settleSafely(connection);
    }
  }

  requestSent(connection: Connection): void {
    if (connection.tally === undefined && connection.requests === 0) {
      connection.requests = 1; // counted when the connection is
      return;
    }
    const settled = connection.target ?? this.settle(connection);
    if (!settled.http) connection.target = this.#ledger.tally(originOfConnection(connection), true);
    countRequest(connection, connection.target as Tally);
  }

  /** The end of a connection, or of an attempt. */
  closed(connection: Connection): void {
    connection.closed = this.#now();
    connection.error = this.#states.errorOf(connection);
    if (connection.opened !== undefined) this.#closedOpen(connection);
    else if (connection.begun || connection.error !== undefined) this.#countFailed(connection); // else undone before it began
    connection.place?.left(connection, undefined);
    letGo(connection);
  }

  /** Brings the ledger's states up to now. */
  takeStock(live: ReadonlyMap<object, Connection>): void {
    this.#writeDown();
    for (const connection of live.values()) if (connection.opened !== undefined) this.#settleSafely(connection);
    for (const tally of this.#ledger.tallies) tally.clearStates();
    this.#ledger.lookupsPending.value = 0;
    for (const connection of live.values()) this.#countNow(connection);
  }

  #countState(connection: Connection): void {
    if (connection.opened !== undefined) this.#countInUse(connection);
    else if (connection.begun && connection.resolved === undefined && !connection.tried) {
      this.#ledger.lookupsPending.value++;
    }
  }

  #countOpened(connection: Connection, tally: Tally): void {
    tally.opened(connection.cause, connection.predecessor).value++;
    this.#recordConnect(connection, tally);
    const { tls } = phasesOf(connection);
    if (tls !== undefined && connection.tls !== undefined) {
      tally.passes('tls');
      this.#record('connmeter.tls.handshake.duration', tls, {
        ...tally.attributes,
        'tls.protocol.version': connection.tls.version,
        'tls.resumed': connection.tls.resumed,
      });
    }
  }

  #countFailed(connection: Connection): void {
    const { error } = connection;
    attemptEnded(connection, failedOutcome(error));
    const phase = failedPhase(connection, connection.tried, error);
    const tally = this.settle(connection);
    tally.passes(phase);
    tally.failure(phase, errorType(error)).value++;
    if (phase === 'tls') this.#recordConnect(connection, tally);
  }

  #recordConnect(connection: Connection, tally: Tally): void {
    const { connect } = phasesOf(connection);
    if (connect !== undefined && connection.attempts.length > 0) {
      this.#record('connmeter.connect.duration', connect, tally.attributes);
    }
  }

  #closedOpen(connection: Connection): void {
    if (connection.place === undefined) this.#pools.joined(connection, originOfConnection(connection), undefined);
    connection.reason ??= this.#states.reasonOf(connection);
    connection.place?.left(connection, connection.reason);
    this.closedLast.add(connection);
    this.#unwritten.push(connection);
    if (this.#unwritten.length >= MOST_UNWRITTEN) this.#writeDown();
  }

  #writeDown(): void {
    while (this.#unwritten.length > 0) this.#countClosed(this.#unwritten.shift() as Connection);
  }

  #countClosed(connection: Connection): void {
    const tally = this.settle(connection);
    tally.closed(connection.reason ?? 'unknown').value++;
    if (!tally.http) return;

    const { attributes } = tally.inUse(connection.version).requests;
    recordLife(connection, LIFE, attributes, connection.closed as number, this.#record);
    if (connection.requests > 1) return;

    const { dns, connect, tls } = phasesOf(connection);
    tally.wasted.value += (dns ?? 0) + (connect ?? 0) + (tls ?? 0);
  }

  #countInUse(connection: Connection): void {
    const { tally } = connection;
    countInUse(connection, this.#states.isBusy(connection), this.#states.requestsOn(connection));
    if (tally?.http) this.#countHeld(connection, tally);
  }

  #countHeld(connection: Connection, tally: Tally): void {
    connection.held = this.#isStill(connection) && this.#states.isHeld(connection);
    if (!connection.held) return;

    tally.held.value++;
    if (connection.request === undefined || connection.blamed) return;
    connection.blamed = this.#callSites.bodyHeld(connection.request, originOfConnection(connection));
  }

  /** Nothing was read from the socket for a while, as far as the looks at it tell. */
  #isStill(connection: Connection): boolean {
    const bytesRead = connection.socket?.bytesRead ?? 0;
    const now = this.#now();
    if (connection.readAtLook !== bytesRead) {
      connection.readAtLook = bytesRead;
      connection.stillSince = now;
    }
    return now - connection.stillSince >= HELD_SECONDS;
  }
}
