/** Where a connection goes: a host name, an IP address or the path of a Unix socket, and the port where there is one. */
export interface Origin {
  readonly address: string;
  readonly port: number | undefined;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'ws:': 80, 'https:': 443, 'wss:': 443 };

/** The origin of a host and the port as a URL writes it, which is empty where it is the protocol's own. */
export function originOf(hostname: string, port: string | number | undefined, protocol: string): Origin {
  return { address: withoutBrackets(hostname), port: Number(port) || DEFAULT_PORTS[protocol] };
}

/** The origin of a `Host` header: `name`, `name:port` or `[v6]:port`. */
export function originOfHostHeader(host: string, protocol: string): Origin {
  const port = /:(\d+)$/.exec(host)?.[1];
  return originOf(port === undefined ? host : host.slice(0, -port.length - 1), port, protocol);
}

export function sameOrigin(a: Origin, b: Origin): boolean {
  return a.address === b.address && a.port === b.port;
}

function withoutBrackets(hostname: string): string {
  return hostname.startsWith('[') && hostname.endsWith(']') ? hostname.slice(1, -1) : hostname;
}
