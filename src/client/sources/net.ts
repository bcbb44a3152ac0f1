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

// The order of events of one socket:
//   net.client.socket -> lookup (once per address found; none if the host is an address) -> connectionAttempt
//     -> (connectionAttemptFailed | connectionAttemptTimeout -> connectionAttempt)* -> connect -> secureConnect (TLS)
//     -> timeout, end -> close, when the socket's error is read
//
// A program may connect the same socket object again, which is another connection. If it does so before the `close` of the
// connection before, that event comes late: even after the `connect` of the next one.
//
// Limitations: if a TLS handshake runs on a socket that is connected already (in a proxy's tunnel, or after STARTTLS), no
// event tells when it began. So it is not measured.
export function netSource(connections: Connections, guard: Guard): Handlers {
  // Programs expect no listeners for these events once the socket is connected, so ours are removed. They are added again
  // if the socket connects again.
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
  // For sockets with several addresses. An attempt at the only address ends with its connection.
  const attemptListeners = guardedListeners(guard, {
    connectionAttemptFailed(this: Socket, _address: string, _port: number, _family: number, error: Error) {
      connections.addressFailed(this, error);
    },
    connectionAttemptTimeout(this: Socket) {
      connections.addressTimedOut(this);
    },
  });
  const socketListeners = [
    ...connectListener,
    ...guardedListeners(guard, {
      lookup(this: Socket, error: Error | null, _address: string, _family: number, host: string) {
        const hasSeveral = connections.lookedUp(this, host, error);
        if (hasSeveral) prependListeners(this, attemptListeners);
      },
      connectionAttempt(this: Socket, address: string, port?: number, family?: number) {
        connections.addressTried(this, address, port, family);
      },
      timeout(this: Socket) {
        connections.timedOut(this);
      },
      end(this: Socket) {
        connections.serverEnded(this, this.writableEnded);
      },
      close(this: Socket) {
        connections.closed(this);
      },
    }),
  ];
  const tlsSocketListeners = [...socketListeners, ...secureConnectListener];

  return {
    'net.client.socket': ({ socket }: { socket: Socket }) => {
      prependListeners(socket, isTls(socket) ? tlsSocketListeners : socketListeners);
      excludeFromMaxListeners(socket);
      // Last: if the object is not a socket, the calls above throw, and nothing is remembered.
      connections.attempted(socket);
    },
  };
}

/** Listeners of a TLS socket inside a tunnel. Node reads the tunnel's socket through it, so only this one sees the end. */
export function tunnelListeners(connections: Connections, guard: Guard): Listeners {
  return guardedListeners(guard, {
    timeout(this: Socket) {
      connections.timedOut(this);
    },
    end(this: Socket) {
      connections.serverEnded(this, this.writableEnded);
    },
  });
}

function isTls(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}
