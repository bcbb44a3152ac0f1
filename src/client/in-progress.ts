import type { Origin } from '../core/origins.ts';
import { type Connection, originOfConnection } from './connection.ts';
import type { ConnectionStates } from './connection-states.ts';

/** A request that is on a connection. */
export interface RequestInProgress {
  readonly request: object;
  readonly origin: Origin;
  /** Nothing has read its response for half a second, as checks have found. This is a check. */
  readonly isHeld: boolean;
}

/** What is not over yet. */
export interface InProgress {
  readonly requests: readonly RequestInProgress[];
  /** Connections that are being opened. */
  readonly opening: readonly object[];
}

/** What is not over yet, for connmeter/testing. Without streams of HTTP/2, which hold no connection. */
export function inProgress(live: Iterable<Connection>, states: ConnectionStates): InProgress {
  const requests: RequestInProgress[] = [];
  const opening: Connection[] = [];
  for (const connection of live) {
    const { opened, hasBegun, request } = connection;
    if (opened === undefined) {
      if (hasBegun) opening.push(connection);
    } else if (request !== undefined && states.isBusy(connection)) {
      requests.push({ request, origin: originOfConnection(connection), isHeld: states.isHeld(connection) });
    }
  }
  return { requests, opening };
}
