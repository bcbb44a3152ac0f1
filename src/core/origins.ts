/**
 * Where a connection goes: a host name, an IP address or the path of a Unix socket. `port` is undefined for Unix sockets, and
 * if the program gave an invalid port.
 */
export interface Origin {
  readonly address: string;
  readonly port: number | undefined;
}

/** Replaces text that cannot be a name, such as a whole URL: its password must not become a label value. */
const UNKNOWN = 'unknown';
/** Letters and digits of any script, and the separators of names and addresses. DNS names have at most 255 characters. */
const NAME = /^[\p{L}\p{M}\p{N}._:%-]{1,255}$/u;
const MAX_PATH_LENGTH = 255;
const MAX_PORT_LENGTH = ':65535'.length;

// Programs, libraries and test mocks may pass values of any type. The functions below turn them into valid label values.

/** The name that was tested last. A program mostly connects to the same one again. */
let latestName: string | undefined;

/** A host name or an IP address as a label value; `unknown` if it is neither. */
export function hostName(given: unknown): string {
  if (typeof given !== 'string') return UNKNOWN;
  if (given === latestName) return given;
  if (!NAME.test(given)) return UNKNOWN;

  latestName = given;
  return given;
}

/** The path of a Unix socket as a label value; `unknown` if it is a URL or not a string. */
export function socketPath(given: unknown): string {
  return typeof given !== 'string' || /:\/\//.test(given) ? UNKNOWN : printable(given.slice(0, MAX_PATH_LENGTH));
}

/** A port as a label value; undefined if it is not an integer from 1 to 65535. */
export function portNumber(given: unknown): number | undefined {
  return typeof given === 'number' && Number.isInteger(given) && given > 0 && given <= 65_535 ? given : undefined;
}

/** Replaces control, format and line separator characters, which could confuse a terminal, and lone surrogates. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http:', 80],
  ['ws:', 80],
  ['https:', 443],
  ['wss:', 443],
]);

/** The origin of a URL's host and port. An empty port means the default port of the protocol. */
export function originOf(hostname: unknown, port: unknown, protocol: string): Origin {
  const address = typeof hostname === 'string' ? hostName(withoutBrackets(hostname)) : UNKNOWN;
  return { address, port: portNumber(Number(port)) ?? DEFAULT_PORTS.get(protocol) };
}

/**
 * The port in a `Host` header that Node wrote; empty if it is the default port of the protocol. Undefined if the header names
 * a host other than `dialled`: then the program wrote it, or forwarded the header of its own client, and the port is not the
 * one it connects to.
 */
export function portInHostHeader(header: unknown, dialled: string): string | undefined {
  if (typeof header !== 'string') return undefined;

  const host = dialled.includes(':') && !dialled.startsWith('[') ? `[${dialled}]` : dialled;
  if (header === host) return '';
  if (header.length > host.length + MAX_PORT_LENGTH || !header.startsWith(`${host}:`)) return undefined;

  const port = header.slice(host.length + 1);
  return /^\d+$/.test(port) ? port : undefined;
}

/** Whether a host needs no lookup: it is an IP address. Only IPv6 addresses have colons. */
export function isIpAddress(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host);
}

/** `host:port`, with brackets around an IPv6 address. The path alone for Unix sockets. */
export function originText({ address, port }: Origin): string {
  return port === undefined ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

export function sameOrigin(a: Origin, b: Origin): boolean {
  return a.address === b.address && a.port === b.port;
}

function withoutBrackets(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
}
