import type { TLSSocket } from 'node:tls';

/** What a finished TLS handshake tells: `version` as in `tls.protocol.version`, and the protocol agreed on, if any. */
export interface TlsHandshake {
  readonly version: string;
  readonly resumed: boolean;
  readonly alpn: string | undefined;
}

/** What a TLS socket says once its handshake is done, a client's and a server's alike. */
export function handshakeOf(socket: TLSSocket): TlsHandshake {
  return {
    version: /^(?:TLSv|SSLv)([\d.]{1,8})$/.exec(String(socket.getProtocol()))?.[1] ?? 'unknown',
    resumed: socket.isSessionReused() === true,
    alpn: socket.alpnProtocol || undefined,
  };
}
