import type { OpenCause } from '../core/causes.ts';
import type { Phase } from '../core/errors.ts';
import type { GoawayCode } from '../core/goaway-codes.ts';
import type { Origin } from '../core/origins.ts';
import { type Phases, phasesOf } from '../core/phases.ts';
import type { CloseReason } from '../core/reasons.ts';
import type { Count } from '../metrics/address-counts.ts';
import type { Advice } from '../metrics/advice.ts';
import type { OriginCounts } from '../metrics/origin-counts.ts';
import type { CallSite } from './attribution/call-sites.ts';
import { type Connection, originOfConnection, reasonOfClosed } from './connection.ts';

/** The name under which an address is shown. */
type NameOf = (address: string) => string;

/** How many live connections a snapshot lists at most. */
export const MAX_LIVE = 1_000;
/** How many closed connections are remembered. */
export const MAX_CLOSED = 100;

/** What is known of the connections that this process opens. */
export interface ClientSnapshot {
  /** At most `maxOrigins`, and two more that all later origins share. */
  readonly origins: readonly OriginSnapshot[];
  /** Connections that were attempted and are not closed, the oldest first: at most 1000. */
  readonly live: readonly LiveConnection[];
  /** The latest closed connections, the oldest first: at most 100. */
  readonly closed: readonly ClosedConnection[];
  /** Lines of the program that waste connections: at most 50. */
  readonly callSites: readonly CallSite[];
  /** What to change so that no request is lost to an idle connection that the other side closes. */
  readonly advice: readonly Advice[];
}

/** The counts of one origin since the start. */
export interface OriginSnapshot extends Origin {
  /** Whether HTTP clients connect to it. An origin may be listed twice: with and without HTTP. */
  readonly http: boolean;
  /** By cause, and by the reason of the loss for connections that replaced a lost one. Zeros are left out, here and below. */
  readonly opened: readonly { cause: OpenCause; reason: CloseReason | undefined; count: number }[];
  readonly closed: readonly { reason: CloseReason; count: number }[];
  readonly failed: readonly { phase: Phase; errorType: string; count: number }[];
  readonly requests: { readonly fresh: number; readonly reused: number };
  /** What of it `withCaller` and `watchDispatcher` name a caller for: at most 20 names, and `_OTHER`. */
  readonly callers: readonly CallerSnapshot[];
  /** GOAWAY frames of HTTP/2 that the server sent. */
  readonly goaways: readonly { code: GoawayCode; count: number }[];
  /** The time spent on opening connections that carried at most one request. */
  readonly wasted: number;
  /** The time in which requests waited in the queue of their pool, as of the last collection or the last request that left it. */
  readonly saturated: number;
}

/** What one part of the program has caused at an origin since the start. */
export interface CallerSnapshot {
  readonly caller: string;
  readonly opened: number;
  readonly requests: { readonly fresh: number; readonly reused: number };
}

export interface LiveConnection extends Origin {
  readonly state: 'opening' | 'active' | 'idle';
  /** Since the attempt. */
  readonly age: number;
  readonly requests: number;
  readonly phases: Phases;
  /** The most streams that were open at once. Undefined unless it is HTTP/2. */
  readonly mostStreams: number | undefined;
  /** `pending` until it is counted. */
  readonly cause: OpenCause | 'pending';
  /** The number of its pool. Undefined for sockets without a pool. */
  readonly pool: number | undefined;
  /** For how long it has carried no request since the last one. Undefined if it carries one, has carried none, or is not for HTTP. */
  readonly idleFor: number | undefined;
  /** For how long an unread response body has held it, as far as collections and snapshots saw. Undefined if none does. */
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
  const everybody = [counts, ...counts.callers];
  return {
    address: String(counts.attributes['server.address']),
    port: counts.port,
    http: counts.http,
    opened: addedUp(nonZero(counts.allOpened)),
    closed: nonZero(counts.allClosed).map(({ attributes, value }) => ({
      reason: attributes['connmeter.close.reason'] as CloseReason,
      count: value,
    })),
    failed: nonZero(counts.failures).map(({ attributes, value }) => ({
      phase: attributes['connmeter.phase'] as Phase,
      errorType: String(attributes['error.type']),
      count: value,
    })),
    requests: {
      fresh: sum(everybody.map(({ requests }) => requests.fresh)),
      reused: sum(everybody.map(({ requests }) => requests.reused)),
    },
    callers: counts.callers.map(({ name, allOpened, requests: { fresh, reused } }) => ({
      caller: name,
      opened: sum(allOpened),
      requests: { fresh: fresh.value, reused: reused.value },
    })),
    goaways: nonZero(counts.goaways).map(({ attributes, value }) => ({
      code: attributes['connmeter.http2.code'] as GoawayCode,
      count: value,
    })),
    wasted: counts.wastedSetup.value,
    saturated: counts.saturated.value,
  };
}

/** @internal */
export function liveConnection(
  connection: Connection,
  isBusy: boolean,
  heldSince: number | undefined,
  now: number,
  nameOf: NameOf,
): LiveConnection {
  const { address, port } = originOfConnection(connection);
  return {
    address: nameOf(address),
    port,
    state: connection.opened === undefined ? 'opening' : isBusy ? 'active' : 'idle',
    age: now - connection.started,
    requests: connection.requests,
    mostStreams: connection.version === '2' ? connection.mostStreams : undefined,
    phases: phasesOf(connection),
    cause: connection.cause,
    pool: connection.poolNumber,
    idleFor: isBusy || Number.isNaN(connection.idleSince) ? undefined : now - connection.idleSince,
    heldFor: heldSince === undefined ? undefined : now - heldSince,
  };
}

/** @internal */
export function closedConnection(connection: Connection, nameOf: NameOf): ClosedConnection {
  const { address, port } = originOfConnection(connection);
  return {
    address: nameOf(address),
    port,
    cause: connection.cause === 'pending' ? 'unknown' : connection.cause,
    reason: reasonOfClosed(connection),
    age: (connection.closed ?? connection.started) - connection.started,
    requests: connection.requests,
    phases: phasesOf(connection),
    pool: connection.poolNumber,
  };
}

/** By cause and reason, whoever caused it. */
function addedUp(counts: readonly Count[]): OriginSnapshot['opened'] {
  const all = new Map<string, { cause: OpenCause; reason: CloseReason | undefined; count: number }>();
  for (const { attributes, value } of counts) {
    const cause = attributes['connmeter.open.cause'] as OpenCause;
    const reason = attributes['connmeter.close.reason'] as CloseReason | undefined;
    const key = reason ?? cause;
    all.set(key, { cause, reason, count: (all.get(key)?.count ?? 0) + value });
  }
  return [...all.values()];
}

function sum(counts: readonly Count[]): number {
  return counts.reduce((total, { value }) => total + value, 0);
}

function nonZero(counts: readonly Count[]): Count[] {
  return counts.filter(({ value }) => value > 0);
}
