/** The use of TCP ports in the network namespace of the process. */
export interface PortUsage {
  /** Sockets in TIME_WAIT. The kernel has one count for IPv4 and IPv6. */
  readonly timeWait: number;
  /** Sockets that are connecting, open or listening. */
  readonly inUse: number;
  /** How many ports the kernel may use for outgoing connections. */
  readonly range: number;
}

/**
 * Parses `/proc/net/sockstat`, `/proc/net/sockstat6` (empty without IPv6) and `/proc/sys/net/ipv4/ip_local_port_range`.
 * Returns undefined if their format is unexpected.
 */
export function parsePorts(sockstat: string, sockstat6: string, portRange: string): PortUsage | undefined {
  const timeWait = numberIn(sockstat, 'TCP', 'tw');
  const inUse = numberIn(sockstat, 'TCP', 'inuse');
  const inUse6 = numberIn(sockstat6, 'TCP6', 'inuse') ?? 0;
  const range = sizeOf(portRange);
  if (timeWait === undefined || inUse === undefined || range === undefined) return undefined;

  return { timeWait, inUse: inUse + inUse6, range };
}

/** Lines look like `TCP: inuse 5 orphan 0 tw 12 alloc 9 mem 1`. */
function numberIn(text: string, protocol: string, name: string): number | undefined {
  const line = text.split('\n').find(each => each.startsWith(`${protocol}:`));
  const words = line?.trim().split(/\s+/) ?? [];
  const at = words.indexOf(name);
  return at < 0 ? undefined : integer(words[at + 1]);
}

/** The range looks like `32768	60999` and includes both ends. */
function sizeOf(portRange: string): number | undefined {
  const words = portRange.trim().split(/\s+/);
  const [first, last] = words.map(integer);
  if (words.length !== 2 || first === undefined || last === undefined || last < first || last > 65_535)
    return undefined;

  return last - first + 1;
}

function integer(word: string | undefined): number | undefined {
  return word !== undefined && /^\d{1,15}$/.test(word) ? Number(word) : undefined;
}
