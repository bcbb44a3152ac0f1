import type { TLSSocket } from 'node:tls';
import type { Secured } from '../carrier.ts';

/** What a TLS socket says once its handshake is done, a client's and a server's alike. */
export function handshakeOf(socket: TLSSocket): Secured {
  return {
    version: /^(?:TLSv|SSLv)([\d.]{1,8})$/.exec(String(socket.getProtocol()))?.[1] ?? 'unknown',
    resumed: socket.isSessionReused() === true,
    alpn: socket.alpnProtocol || undefined,
  };
}
