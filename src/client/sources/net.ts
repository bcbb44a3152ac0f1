import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Handlers } from '../../core/channels.ts';
import type { Guard } from '../../core/guard.ts';
import { handshakeOf } from '../../core/tls-handshake.ts';
import type { Connections } from '../connections.ts';

const { errorMonitor } = process.getBuiltinModule('node:events');

// One connection, in the order its socket speaks of it:
//   net.client.socket -> lookup (once per address found; not for an address) -> connectionAttempt
//     -> (connectionAttemptFailed | connectionAttemptTimeout -> connectionAttempt)* -> connect -> secureConnect (TLS) -> close
//
// Limitations: a TLS handshake on a socket that is connected already (inside a proxy's tunnel, STARTTLS) has no event
// that tells when it began, so it is not measured.
export function netSource(connections: Connections, guard: Guard): Handlers {
  const ofAll: Listeners = [
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
    [
      'connect',
      guard('connect', function (this: Socket) {
        connections.connected(this, isTls(this));
      }),
    ],
    [
      errorMonitor,
      guard('error', function (this: Socket, error: Error) {
        connections.errored(this, error);
      }),
    ],
    [
      'free',
      guard('free', function (this: Socket) {
        connections.freed(this);
      }),
    ],
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
  ];
  const ofTls: Listeners = [
    [
      'secureConnect',
      guard('secureConnect', function (this: TLSSocket) {
        connections.secured(this, handshakeOf(this));
      }),
    ],
  ];
  return {
    'net.client.socket': ({ socket }: { socket: Socket }) => {
      if (attach(socket, 'close', ofAll)) {
        if (isTls(socket)) attach(socket, 'secureConnect', ofTls);
        // Room for ours, or the program's own tenth listener would be the one that draws the warning.
        const room = socket.getMaxListeners();
        if (room > 0) socket.setMaxListeners(room + 1);
      }
      connections.attempted(socket); // last: what is no socket has thrown by now, and is not remembered
    },
  };
}

type Listener = (...args: never[]) => void;
type Listeners = readonly (readonly [event: string | typeof errorMonitor, listener: Listener])[];

/** Adds the listeners, unless they are there: a socket that is connected again after its close still has them. */
function attach(socket: Socket, mark: string, listeners: Listeners): boolean {
  const marking = listeners.find(([event]) => event === mark)?.[1] as () => void;
  if (socket.listenerCount(mark) > 0 && socket.listeners(mark).includes(marking)) return false;

  for (const [event, listener] of listeners) socket.on(event as 'close', listener as () => void);
  return true;
}

function isTls(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}
