import type { TLSSocket } from 'node:tls';
import type { Secured } from '../carrier.ts';

/** What a TLS socket says once its handshake is done, a client's and a server's alike. */
export function handshakeOf(socket: TLSSocket): Secured {
  return {
    version: (socket.getProtocol() ?? 'unknown').replace(/^TLSv/, ''),
    resumed: socket.isSessionReused(),
    alpn: socket.alpnProtocol || undefined,
  };
}
