import type { Socket } from 'node:net';
import type { Handlers } from '../channels.ts';
import type { Client } from '../connection.ts';
import type { Connections } from '../connections.ts';
import { originOf } from '../origins.ts';

/** What undici says of a connection; the hostname is without brackets, the port empty where it is the protocol's own. */
interface ConnectParams {
  readonly hostname: string;
  readonly port: string;
  readonly protocol: string;
  readonly version?: 'h1' | 'h2';
}

/** What undici says of a request. */
export interface UndiciRequest {
  readonly origin: string | URL;
  readonly completed: boolean;
  readonly aborted: boolean;
  /** The protocol of an upgrade the program asked for: the connection never comes back from it. */
  readonly upgrade: string | null;
}

const undici: Client<UndiciRequest> = {
  originOf: ({ origin }) => {
    const { hostname, port, protocol } = new URL(origin);
    return originOf(hostname, port, protocol);
  },
  // Of a new socket `connected` has told us; one we do not know is older than we are.
  wasReused: () => true,
  isWaiting: () => false,
  isOver: ({ completed, aborted, upgrade }) => (completed || aborted) && !upgrade,
};

// One connection, in the order undici speaks of it (global fetch and any copy of undici, all alike):
//   beforeConnect -> net.client.socket, same turn (see net.ts) -> connected -> sendHeaders, once per request
// Through a CONNECT proxy: beforeConnect for the target, then all of the above for the proxy, then `connected` for the
// target with the same socket, or with TLS around it.
//
// Limitations: undici 6 sends no sendHeaders over HTTP/2; streams are counted by http2.ts for every version.
export function undiciSource(connections: Connections): Handlers {
  return {
    'undici:client:beforeConnect': ({
      connectParams,
      connector,
    }: {
      connectParams: ConnectParams;
      connector: object;
    }) => {
      connections.expected(originOf(connectParams.hostname, connectParams.port, connectParams.protocol), connector);
    },
    'undici:client:connected': ({ connectParams, socket }: { connectParams: ConnectParams; socket: Socket }) => {
      connections.taken(
        socket,
        originOf(connectParams.hostname, connectParams.port, connectParams.protocol),
        connectParams.version === 'h2' ? '2' : '1.1',
      );
    },
    'undici:client:sendHeaders': ({ request, socket }: { request: UndiciRequest; socket: Socket }) => {
      connections.requestSent(socket, request, undici);
    },
  };
}
