import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Handlers } from '../../core/channels.ts';
import type { Guard } from '../../core/guard.ts';
import {
  excludeFromMaxListeners,
  guardedListeners,
  type Listeners,
  prependListeners,
  removeListeners,
} from '../../core/listeners.ts';
import { handshakeOf } from '../../core/tls-handshake.ts';
import type { Connections } from '../connections.ts';

// The order of events of one connection:
//   net.client.socket -> lookup (once per address found; not for IP addresses) -> connectionAttempt
//     -> (connectionAttemptFailed | connectionAttemptTimeout -> connectionAttempt)* -> connect -> secureConnect (TLS) -> close
// The error of the connection is read from the socket at its close.
//
// Limitations: a TLS handshake on a connected socket (in a proxy tunnel, STARTTLS) has no event for its start, so it is not
// measured.
export function netSource(connections: Connections, guard: Guard): Handlers {
  const socketListeners = guardedListeners(guard, {
    lookup(this: Socket, error: Error | null, _address: string, _family: number, host: string) {
      connections.lookedUp(this, host, error);
    },
    connectionAttempt(this: Socket, address: string, port?: number, family?: number) {
      connections.addressTried(this, address, port, family);
    },
    connectionAttemptFailed(this: Socket, _address: string, _port: number, _family: number, error: Error) {
      connections.addressFailed(this, error);
    },
    connectionAttemptTimeout(this: Socket) {
      connections.addressTimedOut(this);
    },
    timeout(this: Socket) {
      connections.timedOut(this);
    },
    end(this: Socket) {
      connections.serverEnded(this, this.writableEnded);
    },
    close(this: Socket) {
      // If it is connecting, it is the close of its previous connection: the program is reusing the socket.
      if (!this.connecting) connections.closed(this);
    },
  });
  // These two are removed when they fire: some programs check that no `connect` listener is left on a connected socket. A
  // socket that is connected again gets them again.
  const connectListener: Listeners = guardedListeners(guard, {
    connect(this: Socket) {
      connections.connected(this, isTls(this));
      removeListeners(this, connectListener);
    },
  });
  const secureConnectListener: Listeners = guardedListeners(guard, {
    secureConnect(this: TLSSocket) {
      connections.secured(this, handshakeOf(this));
      removeListeners(this, secureConnectListener);
    },
  });
  const tcpListeners = [...socketListeners, ...connectListener];
  const tlsListeners = [...tcpListeners, ...secureConnectListener];

  return {
    'net.client.socket': ({ socket }: { socket: Socket }) => {
      prependListeners(socket, isTls(socket) ? tlsListeners : tcpListeners);
      excludeFromMaxListeners(socket);
      connections.attempted(socket); // last, because the calls above throw if it is not a socket
    },
  };
}

function isTls(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}
