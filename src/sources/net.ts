import { errorMonitor } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Handlers } from '../channels.ts';
import type { Connections } from '../connections.ts';
import type { Guard } from '../guard.ts';

// One connection, in the order its socket speaks of it:
//   net.client.socket -> lookup (once per address found; not for an address) -> connectionAttempt
//     -> (connectionAttemptFailed | connectionAttemptTimeout -> connectionAttempt)* -> connect -> secureConnect (TLS) -> close
//
// Limitations: a TLS handshake on a socket that is connected already (inside a proxy's tunnel, STARTTLS) has no event
// that tells when it began, so it is not measured.
export function netSource(connections: Connections, guard: Guard): Handlers {
  const listeners = socketListeners(connections, guard);

  return {
    'net.client.socket': ({ socket }: { socket: Socket }) => {
      connections.attempted(socket);
      listenTo(socket, listeners);
    },
  };
}

type Listeners = ReadonlyMap<string, (...args: never[]) => void>;

function socketListeners(connections: Connections, guard: Guard): Listeners {
  return new Map<string, (...args: never[]) => void>([
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
      'secureConnect',
      guard('secureConnect', function (this: TLSSocket) {
        connections.secured(this, {
          version: (this.getProtocol() ?? 'unknown').replace(/^TLSv/, ''),
          resumed: this.isSessionReused(),
          alpn: this.alpnProtocol || undefined,
        });
      }),
    ],
    [
      errorMonitor as unknown as string,
      guard('error', function (this: Socket, error: Error) {
        connections.errored(this, error);
      }),
    ],
    [
      'close',
      guard('close', function (this: Socket) {
        if (!this.connecting) connections.closed(this); // else a late word of the life before: it is dialling again
      }),
    ],
  ]);
}

/** A socket may be connected again after its close; it still has our listeners then. */
function listenTo(socket: Socket, listeners: Listeners): void {
  const onClose = listeners.get('close') as () => void;
  if (socket.listeners('close').includes(onClose)) return;

  // Room for ours, or the program's own tenth listener would be the one that draws the warning.
  const room = socket.getMaxListeners();
  if (room > 0) socket.setMaxListeners(room + 1);
  for (const [event, listener] of listeners) socket.on(event, listener as () => void);
}

function isTls(socket: Socket): boolean {
  return (socket as Partial<TLSSocket>).encrypted === true;
}
