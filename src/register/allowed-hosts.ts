const { isIP, isIPv6 } = process.getBuiltinModule('node:net');

/** `Host` as HTTP spells it (RFC 9110): a name or an IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
const HOST_HEADER = /^(?:\[([\da-f:.]+)(?:%[\w.-]+)?\]|([\w.-]+))(?::\d*)?$/i;
const LOOPBACK_NAME = /^(?:[\w-]+\.)*localhost$/;

export interface HostRules {
  /** The host that is configured for the server to listen on: who set that name trusts it. */
  readonly host: string;
  /** The address that the server is bound to. */
  readonly boundTo: string;
  /** The names that are configured to be allowed; undefined where none are. */
  readonly allowed: readonly string[] | undefined;
}

/**
 * Whether a request with this `Host` header is answered. By DNS rebinding a web page can have its own name lead to this
 * machine and then read what is served here; only the header shows it, as the page cannot choose it. An IP address or a
 * loopback name cannot be the page's. Any other name has to be configured, unless nothing is and the server is bound to
 * another address than loopback: there Prometheus comes by names that we cannot know.
 */
export function isAllowedHost(header: string | undefined, { host, boundTo, allowed }: HostRules): boolean {
  if (header === undefined) return true; // HTTP/1.0: no browser sends that
  if (allowed === undefined && !isLoopback(boundTo)) return true;

  const [, inBrackets, named] = HOST_HEADER.exec(header) ?? [];
  if (inBrackets !== undefined) return isIPv6(inBrackets);
  if (named === undefined) return false;

  const name = normalName(named);
  return isIP(named) !== 0 || LOOPBACK_NAME.test(name) || name === normalName(host) || allowed?.includes(name) === true;
}

/** A host name as it is compared: case does not matter, nor does the dot that may end it. */
function normalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address);
}
