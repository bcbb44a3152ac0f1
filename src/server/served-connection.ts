import type { Socket } from 'node:net';
import type { ServerCloseReason } from '../core/reasons.ts';
import type { ListenerCounts } from '../metrics/listener-counts.ts';
import { TrackedConnection } from '../metrics/tracked-connection.ts';
import { serverCloseReason } from './close-reason.ts';
import type { AnyServer } from './listening-servers.ts';

/** A connection that a server of this process accepted: what was seen of it until its close. */
export class ServedConnection extends TrackedConnection<ListenerCounts> {
  /** The accepted socket; after a TLS handshake, the TLS socket. */
  socket: Socket;
  readonly server: AnyServer;
  /** The TLS handshake is not done yet. */
  tlsPending: boolean;
  /** The key under which `PendingHandshakes` keeps it. */
  addresses: string | undefined;

  /** The client ended the connection first. */
  clientEnded = false;
  /** The connection was ended, by either side, while a request was active on it. */
  closedDuringRequest = false;
  /** The last request asked to close the connection, or was HTTP/1.0. */
  clientCloses = false;
  /** The socket was sent to another process, so the end of the connection is not visible here. */
  passedOn = false;

  constructor(socket: Socket, server: AnyServer, tlsPending: boolean, now: number) {
    super(now);
    this.socket = socket;
    this.server = server;
    this.tlsPending = tlsPending;
  }
}

/**
 * Whether a request is active on the connection. Data on a connection without requests counts too: either the headers are
 * incomplete, or the request was an upgrade, which Node does not publish.
 */
export function isActive({ requestsInProgress, requests, version, tlsPending, socket }: ServedConnection): boolean {
  return requestsInProgress > 0 || (requests === 0 && version === '1.1' && !tlsPending && socket.bytesRead > 0);
}

export function closeReasonOf(connection: ServedConnection): ServerCloseReason {
  const { socket, server, tlsPending } = connection;
  return serverCloseReason({
    http1: connection.counts?.http === true && connection.version === '1.1',
    handshakePending: tlsPending,
    // The server reports why a handshake failed. An error of the accepted socket is only a consequence.
    error: connection.error ?? (tlsPending ? undefined : (socket.errored ?? undefined)),
    timedOut: connection.timedOut,
    clientEnded: connection.clientEnded,
    serverEnded: socket.writableEnded,
    duringRequest: connection.closedDuringRequest || connection.requestsInProgress > 0,
    clientCloses: connection.clientCloses,
    requests: connection.requests,
    maxRequestsPerSocket: server.maxRequestsPerSocket ?? 0,
    endUnseen: connection.passedOn,
  });
}
