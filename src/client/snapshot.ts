import type { OpenCause } from '../core/causes.ts';
import type { Phase } from '../core/errors.ts';
import type { Origin } from '../core/origins.ts';
import { type Phases, phasesOf } from '../core/phases.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { Count } from '../metrics/address-counts.ts';
import type { OriginCounts } from '../metrics/origin-counts.ts';
import type { CallSite } from './attribution/call-sites.ts';
import { type Connection, originOfConnection } from './connection.ts';

/** Live connections listed at most. */
export const MAX_LIVE = 1_000;
/** Closed connections remembered. */
export const MAX_CLOSED = 100;

/** What is known at one moment: plain data, a copy, bounded. All durations are in seconds. */
export interface Snapshot {
  /** At most `maxOrigins`, and two more for those that came later. */
  readonly origins: readonly OriginSnapshot[];
  /** Connections attempted and not closed, the oldest first: at most 1000. */
  readonly live: readonly LiveConnection[];
  /** The connections closed last, the oldest first: at most 100. */
  readonly closed: readonly ClosedConnection[];
  /** Places in the program that waste connections: at most 50. */
  readonly callSites: readonly CallSite[];
}

/** The counts of one origin since the start. */
export interface OriginSnapshot extends Origin {
  /** Whether HTTP clients connect to it. An origin may be there twice, with and without. */
  readonly http: boolean;
  /** By cause; where a lost connection was replaced, by the reason of the loss too. Only what happened. */
  readonly opened: readonly { cause: OpenCause; reason: CloseReason | undefined; count: number }[];
  readonly closed: readonly { reason: CloseReason; count: number }[];
  readonly failed: readonly { phase: Phase; errorType: string; count: number }[];
  readonly requests: { readonly fresh: number; readonly reused: number };
  /** Spent on setting up connections that served one request at most. */
  readonly wasted: number;
}

export interface LiveConnection extends Origin {
  readonly state: 'opening' | 'active' | 'idle';
  /** Since the attempt. */
  readonly age: number;
  readonly requests: number;
  readonly phases: Phases;
  readonly cause: OpenCause;
  /** A number per pool; undefined for sockets without one. */
  readonly pool: number | undefined;
  /** How long a body that nobody reads has held it, as far as the collections saw; undefined where none does. */
  readonly heldFor: number | undefined;
}

export interface ClosedConnection extends Origin {
  readonly cause: OpenCause;
  readonly reason: CloseReason;
  /** From the attempt to the close. */
  readonly age: number;
  readonly requests: number;
  readonly phases: Phases;
  readonly pool: number | undefined;
}

/** @internal */
export function originSnapshot(counts: OriginCounts): OriginSnapshot {
  const { fresh, reused } = counts.requests;
  return {
    address: String(counts.attributes['server.address']),
    port: counts.port,
    http: counts.http,
    opened: nonZero(counts.allOpened).map(({ attributes, value }) => ({
      cause: attributes['connmeter.open.cause'] as OpenCause,
      reason: attributes['connmeter.close.reason'] as CloseReason | undefined,
      count: value,
    })),
    closed: nonZero(counts.allClosed).map(({ attributes, value }) => ({
      reason: attributes['connmeter.close.reason'] as CloseReason,
      count: value,
    })),
    failed: nonZero(counts.failures).map(({ attributes, value }) => ({
      phase: attributes['connmeter.phase'] as Phase,
      errorType: String(attributes['error.type']),
      count: value,
    })),
    requests: { fresh: fresh.value, reused: reused.value },
    wasted: counts.wastedSetup.value,
  };
}

/** @internal */
export function liveConnection(connection: Connection, isBusy: boolean, now: number): LiveConnection {
  const { address, port } = originOfConnection(connection);
  return {
    address,
    port,
    state: connection.opened === undefined ? 'opening' : isBusy ? 'active' : 'idle',
    age: now - connection.started,
    requests: connection.requests,
    phases: phasesOf(connection),
    cause: connection.cause,
    pool: connection.poolNumber,
    heldFor: connection.held ? now - connection.stalledSince : undefined,
  };
}

/** @internal */
export function closedConnection(connection: Connection): ClosedConnection {
  const { address, port } = originOfConnection(connection);
  return {
    address,
    port,
    cause: connection.cause,
    reason: connection.reason ?? 'unknown',
    age: (connection.closed ?? connection.started) - connection.started,
    requests: connection.requests,
    phases: phasesOf(connection),
    pool: connection.poolNumber,
  };
}

function nonZero(counts: readonly Count[]): Count[] {
  return counts.filter(({ value }) => value > 0);
}
