import type { ServerCloseReason } from '../core/reasons.ts';
import { isActive, type ServedConnection } from './served-connection.ts';

/** How many open connections are listed at most. */
export const MAX_LIVE = 1_000;
/** How many closed connections are remembered. */
export const MAX_CLOSED = 100;

/** The connections that servers of this process have accepted. All durations are in seconds. */
export interface ServedConnections {
  /** Those that are open, the oldest first: at most 1000. */
  readonly live: readonly LiveServedConnection[];
  /** The latest closed ones, the oldest first: at most 100. */
  readonly closed: readonly ClosedServedConnection[];
}

interface Served {
  /** The address and the port that the server listens on. */
  readonly address: string;
  readonly port: number | undefined;
  readonly requests: number;
  /** The first request came through a proxy or a load balancer. */
  readonly proxied: boolean;
}

export interface LiveServedConnection extends Served {
  /** `handshake`: of TLS, which is not done yet. Without HTTP, a connection is idle. */
  readonly state: 'handshake' | 'active' | 'idle';
  /** Since it was accepted. */
  readonly age: number;
}

export interface ClosedServedConnection extends Served {
  readonly reason: ServerCloseReason;
  /** From when it was accepted until it was closed. */
  readonly age: number;
}

/** @internal */
export function liveServed(connection: ServedConnection, now: number): LiveServedConnection {
  const { counts, started, tlsPending } = connection;
  const state = tlsPending ? 'handshake' : counts?.http === true && isActive(connection) ? 'active' : 'idle';
  return { ...servedBy(connection), state, age: now - started };
}

/** @internal */
export function closedServed(connection: ServedConnection, reason: ServerCloseReason): ClosedServedConnection {
  const { closed, started } = connection;
  return { ...servedBy(connection), reason, age: (closed ?? started) - started };
}

function servedBy({ counts, requests, proxied }: ServedConnection): Served {
  return { address: String(counts?.attributes['server.address']), port: counts?.port, requests, proxied };
}
