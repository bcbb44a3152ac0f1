import type { TLSSocket } from 'node:tls';

/** The result of a TLS handshake. `version` as in `tls.protocol.version`; `alpn`: the negotiated protocol, if any. */
export interface TlsHandshake {
  readonly version: string;
  readonly resumed: boolean;
  readonly alpn: string | undefined;
}

/** Node's names (https://nodejs.org/api/tls.html#tlssocketgetprotocol), and those of OpenTelemetry. */
const VERSIONS: ReadonlyMap<unknown, string> = new Map([
  ['TLSv1.3', '1.3'],
  ['TLSv1.2', '1.2'],
  ['TLSv1.1', '1.1'],
  ['TLSv1', '1'],
  ['SSLv3', '3'],
]);

/** Reads the result from a TLS socket, of a client or a server, whose handshake is done. */
export function handshakeOf(socket: TLSSocket): TlsHandshake {
  return {
    version: VERSIONS.get(socket.getProtocol()) ?? 'unknown',
    resumed: socket.isSessionReused() === true,
    alpn: socket.alpnProtocol || undefined,
  };
}
