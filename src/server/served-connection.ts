import type { Server, Socket } from 'node:net';
import type { ServerCloseReason } from '../core/reasons.ts';
import type { ListenerCounts } from '../metrics/listener-counts.ts';
import { TrackedConnection } from '../metrics/tracked-connection.ts';
import { serverCloseReason } from './close-reason.ts';

/** A server, and what those of HTTP/1 have more. */
export type AnyServer = Server & { readonly maxRequestsPerSocket?: number | null };

/** One connection that a server of ours accepted, from then to its close: what was seen of it, nothing derived. */
export class ServedConnection extends TrackedConnection<ListenerCounts> {
  /** That which speaks for it: with TLS the one around the accepted one, once its handshake is done. */
  socket: Socket;
  readonly server: AnyServer;
  /** TLS is to come: the connection is for nothing but its handshake. */
  tlsPending: boolean;
  /** What it is found by when its TLS socket speaks. */
  ends: string | undefined;

  /** The client ended first; and a request was on the connection when it was torn down, by whomever. */
  clientEnded = false;
  closedDuringRequest = false;
  /** The last request said that the connection ends with it, or was HTTP/1.0. */
  clientCloses = false;
  /** Its close is all that was seen of its end. */
  passedOn = false;

  constructor(socket: Socket, server: AnyServer, unsecured: boolean, now: number) {
    super(now);
    this.socket = socket;
    this.server = server;
    this.tlsPending = unsecured;
  }
}

/**
 * Whether a request is on it. Data on a connection that had no request yet is one too: its headers are still to come, or
 * it was an upgrade, of which Node says nothing.
 */
export function isActive({ streams, requests, version, tlsPending, socket }: ServedConnection): boolean {
  return streams > 0 || (requests === 0 && version === '1.1' && !tlsPending && socket.bytesRead > 0);
}

/** Why the connection is closed. */
export function closeReasonOf(connection: ServedConnection): ServerCloseReason {
  const { socket, server, tlsPending } = connection;
  return serverCloseReason({
    http1: connection.counts?.http === true && connection.version === '1.1',
    handshakePending: tlsPending,
    // A handshake that failed is told of by its server; what its accepted socket met is a consequence.
    error: connection.error ?? (tlsPending ? undefined : (socket.errored ?? undefined)),
    timedOut: connection.timedOut,
    clientEnded: connection.clientEnded,
    serverEnded: socket.writableEnded,
    duringRequest: connection.closedDuringRequest || connection.streams > 0,
    clientCloses: connection.clientCloses,
    requests: connection.requests,
    maxRequestsPerSocket: server.maxRequestsPerSocket ?? 0,
    endUnseen: connection.passedOn,
  });
}
