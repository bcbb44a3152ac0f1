const { isIP, isIPv6 } = process.getBuiltinModule('node:net');

/** A `Host` header (RFC 9110, section 7.2): a name, an IPv4 address or an IPv6 address in brackets, and an optional port. */
const HOST_HEADER = /^(?:\[([\da-f:.]+)(?:%[\w.-]+)?\]|([\w.-]+))(?::\d*)?$/i;
const LOOPBACK_NAME = /^(?:[\w-]+\.)*localhost$/;

export interface HostRules {
  /** The configured host of the server. It is always allowed. */
  readonly host: string;
  /** The address that the server listens on. */
  readonly listeningOn: string;
  /** The configured list of allowed names; undefined if there is none. */
  readonly allowed: readonly string[] | undefined;
}

/**
 * Whether a request with this `Host` header is allowed. A web page that changes the address of its own name to this machine
 * (DNS rebinding) could otherwise read the metrics. The header shows that name, and the page cannot change it. IP addresses
 * and loopback names are safe, because they cannot be the name of a page. Other names must be configured. Without a
 * configured list, a server that listens on an address other than loopback allows all names: Prometheus connects to it by
 * names that are not known here.
 */
export function isAllowedHost(header: string | undefined, { host, listeningOn, allowed }: HostRules): boolean {
  if (header === undefined) return true; // HTTP/1.0, which no browser sends
  if (allowed === undefined && !isLoopback(listeningOn)) return true;

  const [, inBrackets, named] = HOST_HEADER.exec(header) ?? [];
  if (inBrackets !== undefined) return isIPv6(inBrackets);
  if (named === undefined) return false;

  const name = normalName(named);
  return isIP(named) !== 0 || LOOPBACK_NAME.test(name) || name === normalName(host) || allowed?.includes(name) === true;
}

/** Host names are compared without case, and without a trailing dot. */
function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** Whether a server on this host is reached from this machine only. */
export function isLoopbackHost(host: string): boolean {
  return isLoopback(host) || LOOPBACK_NAME.test(normalName(host));
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}
