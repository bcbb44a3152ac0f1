import type { Socket } from 'node:net';
import type { ServerCloseReason } from '../core/reasons.ts';
import type { ListenerCounts } from '../metrics/listener-counts.ts';
import { TrackedConnection } from '../metrics/tracked-connection.ts';
import { serverCloseReason } from './close-reason.ts';
import type { AnyServer } from './listening-servers.ts';
import { isHandedOver } from './upgrade.ts';

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
  /** When the last response was written, and the seconds that it promised to keep the connection: see `HintedEnd`. */
  answered = Number.NaN;
  hint = Number.NaN;
  margin = Number.NaN;
  /** The client is a proxy or a load balancer, as the headers of its first request show. */
  proxied = false;
  /** When it was closed. */
  closed: number | undefined;
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
 * Whether a connection is active: a request is, or the program took the connection over. Data on a connection without requests
 * counts too: the headers are incomplete.
 */
export function isActive({ requestsInProgress, requests, version, tlsPending, socket }: ServedConnection): boolean {
  if (requestsInProgress > 0) return true;
  if (version !== '1.1' || tlsPending) return false;

  return requests === 0 ? socket.bytesRead > 0 : isHandedOver(socket) === true;
}

export function closeReasonOf(connection: ServedConnection): ServerCloseReason {
  const { socket, server, tlsPending, counts, requests } = connection;
  const handedOver = isHandedOver(socket);
  const upgraded = handedOver && socket.bytesWritten > 0;
  return serverCloseReason({
    http1: counts?.http === true && connection.version === '1.1',
    handshakePending: tlsPending,
    // The server reports why a handshake failed. An error of the accepted socket is only a consequence.
    error: connection.error ?? (tlsPending ? undefined : (socket.errored ?? undefined)),
    timedOut: connection.timedOut,
    clientEnded: connection.clientEnded,
    serverEnded: socket.writableEnded,
    duringRequest:
      connection.closedDuringRequest || connection.requestsInProgress > 0 || (handedOver === true && !upgraded),
    clientCloses: connection.clientCloses,
    requests,
    neverUsed: counts?.http === true && requests === 0 && socket.bytesRead === 0,
    upgraded,
    maxRequestsPerSocket: server.maxRequestsPerSocket ?? 0,
    endUnseen: connection.passedOn,
    hint: connection.hint,
    margin: connection.margin,
    idle: (connection.closed ?? Number.NaN) - connection.answered,
  });
}
