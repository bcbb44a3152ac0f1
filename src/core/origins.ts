/** Where a connection goes: a host name, an IP address or the path of a Unix socket, and the port where there is one. */
export interface Origin {
  readonly address: string;
  readonly port: number | undefined;
}

/** What stands for a name that can be none, such as a whole URL: its password must not become a label. */
const NO_NAME = 'unknown';
/** Letters and digits of any script, and what stands between them in names and addresses; DNS knows no longer ones. */
const NAME = /^[\p{L}\p{M}\p{N}._:%-]{1,255}$/u;
const LONGEST_PATH = 255;
/** `:65535` */
const LONGEST_PORT = 6;

// What a program, a library or a mock of its tests hands over may be of any type: labels are made here, of strings and numbers.

/** A host name or an address as it may be shown. */
export function hostName(given: unknown): string {
  return typeof given === 'string' && NAME.test(given) ? given : NO_NAME;
}

/** The path of a Unix socket as it may be shown: a URL is none. */
export function socketPath(given: unknown): string {
  return typeof given !== 'string' || /:\/\//.test(given) ? NO_NAME : printable(given.slice(0, LONGEST_PATH));
}

/** A port as it may be shown; undefined where it is none. */
export function portNumber(given: unknown): number | undefined {
  return typeof given === 'number' && Number.isInteger(given) && given > 0 && given <= 65_535 ? given : undefined;
}

/** A text without what would steer a terminal, turn its lines around, or cannot be written as UTF-8. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

const DEFAULT_PORTS: ReadonlyMap<string, number> = new Map([
  ['http:', 80],
  ['ws:', 80],
  ['https:', 443],
  ['wss:', 443],
]);

/** The origin of a host and the port as a URL writes it, which is empty where it is the protocol's own. */
export function originOf(hostname: unknown, port: unknown, protocol: string): Origin {
  const address = typeof hostname === 'string' ? hostName(withoutBrackets(hostname)) : NO_NAME;
  return { address, port: portNumber(Number(port)) ?? DEFAULT_PORTS.get(protocol) };
}

/**
 * The port of a `Host` header as Node writes it, empty where it is the protocol's own. Undefined where the header names
 * another host than the one dialled: the program wrote it, or passed on what a stranger sent, and its port means nothing.
 */
export function portInHostHeader(header: unknown, dialled: string): string | undefined {
  if (typeof header !== 'string') return undefined;

  const host = dialled.includes(':') && !dialled.startsWith('[') ? `[${dialled}]` : dialled;
  if (header === host) return '';
  if (header.length > host.length + LONGEST_PORT || !header.startsWith(`${host}:`)) return undefined;

  const port = header.slice(host.length + 1);
  return /^\d+$/.test(port) ? port : undefined;
}

export function sameOrigin(a: Origin, b: Origin): boolean {
  return a.address === b.address && a.port === b.port;
}

function withoutBrackets(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
}
