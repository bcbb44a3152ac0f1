import type { TLSSocket } from 'node:tls';

/** The result of a TLS handshake. `version` as in `tls.protocol.version`; `alpn`: the negotiated protocol, if it is one of HTTP. */
export interface TlsHandshake {
  readonly version: string;
  readonly resumed: boolean;
  readonly alpn: HttpAlpn | undefined;
}

/** The names of HTTP in ALPN (https://www.iana.org/assignments/tls-extensiontype-values). */
type HttpAlpn = 'h2' | 'http/1.1';

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
  const version = VERSIONS.get(socket.getProtocol()) ?? 'unknown';
  const resumed = socket.isSessionReused() === true;
  const { alpnProtocol: alpn } = socket;
  return handshake(version, resumed, alpn === 'h2' || alpn === 'http/1.1' ? alpn : undefined);
}

/** There are so few different ones that each is made once. */
const HANDSHAKES: TlsHandshake[] = [];

function handshake(version: string, resumed: boolean, alpn: HttpAlpn | undefined): TlsHandshake {
  for (const known of HANDSHAKES)
    if (known.version === version && known.resumed === resumed && known.alpn === alpn) return known;
  const made = { version, resumed, alpn };
  HANDSHAKES.push(made);
  return made;
}
