import type { TLSSocket } from 'node:tls';

/** The result of a TLS handshake. `version` as in `tls.protocol.version`; `alpn`: the negotiated protocol, if any. */
export interface TlsHandshake {
  readonly version: string;
  readonly resumed: boolean;
  readonly alpn: string | undefined;
}

/** Reads the result from a TLS socket, of a client or a server, whose handshake is done. */
export function handshakeOf(socket: TLSSocket): TlsHandshake {
  return {
    version: /^(?:TLSv|SSLv)([\d.]{1,8})$/.exec(String(socket.getProtocol()))?.[1] ?? 'unknown',
    resumed: socket.isSessionReused() === true,
    alpn: socket.alpnProtocol || undefined,
  };
}
