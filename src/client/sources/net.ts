import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Handlers } from '../../core/channels.ts';
import type { Guard } from '../../core/guard.ts';
import { excludeFromMaxListeners, markAsOurs, prependListeners, stopListening } from '../../core/listeners.ts';
import { handshakeOf } from '../../core/tls-handshake.ts';
import type { Connections } from '../connections.ts';

// One connection, in the order its socket speaks of it:
//   net.client.socket -> lookup (once per address found; not for an address) -> connectionAttempt
//     -> (connectionAttemptFailed | connectionAttemptTimeout -> connectionAttempt)* -> connect -> secureConnect (TLS) -> close
// The error that ended it is read from the socket at its close.
//
// Limitations: a TLS handshake on a socket that is connected already (inside a proxy's tunnel, STARTTLS) has no event
// that tells when it began, so it is not measured.
export function netSource(connections: Connections, guard: Guard): Handlers {
  // Both go once they have fired: programs expect that nobody waits for a connection that is up. A socket that is connected
  // again gets them again.
  const onConnect: (this: Socket) => void = guard('connect', function () {
    connections.connected(this, isTls(this));
    stopListening(this, 'connect', onConnect);
  });
  const onSecureConnect: (this: TLSSocket) => void = guard('secureConnect', function () {
    connections.secured(this, handshakeOf(this));
    stopListening(this, 'secureConnect', onSecureConnect);
  });
  const ofAll = markAsOurs([
    [
      'lookup',
      guard('lookup', function (this: Socket, error: Error | null, _address: string, _family: number, host: string) {
        connections.lookedUp(this, host, error);
      }),
    ],
    [
      'connectionAttempt',
      guard('connectionAttempt', function (this: Socket, address: string, port?: number, family?: number) {
        connections.addressTried(this, address, port, family);
      }),
    ],
    [
      'connectionAttemptFailed',
      guard('connectionAttemptFailed', function (this: Socket, _a: string, _p: number, _f: number, error: Error) {
        connections.addressFailed(this, error);
      }),
    ],
    [
      'connectionAttemptTimeout',
      guard('connectionAttemptTimeout', function (this: Socket) {
        connections.addressTimedOut(this);
      }),
    ],
    ['connect', onConnect],
    [
      'timeout',
      guard('timeout', function (this: Socket) {
        connections.timedOut(this);
      }),
    ],
    [
      'end',
      guard('end', function (this: Socket) {
        connections.serverEnded(this, this.writableEnded);
      }),
    ],
    [
      'close',
      guard('close', function (this: Socket) {
        if (!this.connecting) connections.closed(this); // else a late word of the life before: it is dialling again
      }),
    ],
  ]);
  const ofTls = markAsOurs([...ofAll, ['secureConnect', onSecureConnect]]);
  return {
    'net.client.socket': ({ socket }: { socket: Socket }) => {
      prependListeners(socket, isTls(socket) ? ofTls : ofAll);
      excludeFromMaxListeners(socket);
      connections.attempted(socket); // last: what is no socket has thrown by now, and is not remembered
    },
  };
}

function isTls(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}
