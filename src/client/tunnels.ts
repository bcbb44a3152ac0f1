import type { Socket } from 'node:net';
import { type Origin, sameOrigin } from '../core/origins.ts';
import type { TunnelFailure } from '../core/tunnels.ts';
import type { ConnectionAccounting } from './accounting.ts';
import type { Connection } from './connection.ts';
import type { LiveConnections } from './live-connections.ts';
import { isPending, PendingTunnels } from './pending-tunnels.ts';
import type { Requests } from './requests.ts';

/** What happens to connections that become tunnels through a proxy: one method per event. */
export class Tunnels {
  readonly #live: LiveConnections;
  readonly #requests: Requests;
  readonly #accounting: ConnectionAccounting;
  readonly #pending = new PendingTunnels();

  constructor(live: LiveConnections, requests: Requests, accounting: ConnectionAccounting) {
    this.#live = live;
    this.#requests = requests;
    this.#accounting = accounting;
  }

  /** Whether the socket is a TLS socket inside a tunnel. */
  isInside(socket: Socket): boolean {
    return this.#live.get(socket) === undefined && this.#live.find(socket)?.socket !== socket;
  }

  /** Whether the connection carries requests to this origin through a tunnel from now on. The proxy itself may be the origin. */
  leadTo({ tunnel, origin: before }: Connection, origin: Origin): boolean {
    return tunnel !== 'none' || before === undefined || !sameOrigin(before, origin);
  }

  /** A connection opened. undici names an origin before it connects. Other clients may write CONNECT to the socket. */
  opened(connection: Connection): void {
    const mayBecomeTunnel = connection.origin === undefined && isPending(connection);
    if (connection.tunnel === 'requested' || mayBecomeTunnel) this.#pending.add(connection);
  }

  /** A request was sent on an open connection. */
  requestSent(connection: Connection): void {
    if (connection.tunnel === 'requested') this.#pending.add(connection);
  }

  /** The proxy accepted the CONNECT request on the socket. */
  accepted(socket: Socket): void {
    const connection = this.#live.get(socket);
    if (connection !== undefined) this.#requests.tunnelAnswered(connection, 200);
  }

  /**
   * A proxy refused a tunnel, so the client has just destroyed its connection. `port`: that of the proxy, if the client wrote
   * CONNECT to the socket itself.
   */
  refused(port: number | undefined, status: number): void {
    const connection = port === undefined ? this.#pending.refused() : this.#pending.refusedAt(port);
    if (connection !== undefined) this.#fail(connection, status, String(status));
  }

  /** Node's own agent did not get a tunnel on this socket. */
  failed(socket: Socket, { code, statusCode, proxyTunnelTimeout }: TunnelFailure): void {
    const connection = this.#live.get(socket);
    if (connection === undefined) return;

    const status = typeof statusCode === 'number' ? statusCode : undefined;
    const type = proxyTunnelTimeout === undefined ? code : 'timeout';
    this.#fail(connection, status, status === undefined ? type : String(status));
  }

  /** The answer to a request is known: it may have refused a tunnel. */
  answered(connection: Connection): void {
    if (connection.tunnel === 'refused') this.#accounting.tunnelFailed(connection, String(connection.tunnelStatus));
  }

  /** From now on, the connection carries requests to another origin. */
  enter(connection: Connection, origin: Origin): void {
    this.#accounting.enterTunnel(connection, origin);
    this.#requests.enteredTunnel(connection);
    this.#pending.delete(connection);
    connection.origin = origin;
  }

  /** The connection that this TLS socket is inside of. */
  around(socket: Socket): Connection | undefined {
    return this.#pending.around(socket);
  }

  /** From now on, the connection carries requests to the origin on this TLS socket. */
  enterAround(connection: Connection, socket: Socket, origin: Origin): void {
    connection.http = true;
    this.enter(connection, origin);
    this.#live.addAlias(socket, connection);
  }

  closed(connection: Connection): void {
    this.#pending.delete(connection);
  }

  /** `status`: the proxy's answer, if there was one. `type`: the `error.type`. */
  #fail(connection: Connection, status: number | undefined, type: string): void {
    connection.http = true;
    this.#requests.tunnelAnswered(connection, status);
    this.#accounting.tunnelFailed(connection, type);
  }
}
