/** How the process's network namespace stands for TCP ports. */
export interface PortUsage {
  /** Sockets in TIME_WAIT, IPv4 and IPv6 together: the kernel counts them in one. */
  readonly timeWait: number;
  /** Sockets in use: connecting, open, listening. */
  readonly inUse: number;
  /** Ports that the kernel gives to outgoing connections. */
  readonly range: number;
}

/** What `/proc/net/sockstat`, `/proc/net/sockstat6` and `ip_local_port_range` say; undefined where they say it otherwise. */
export function parsePorts(sockstat: string, sockstat6: string, portRange: string): PortUsage | undefined {
  const timeWait = numberIn(sockstat, 'TCP', 'tw');
  const inUse = numberIn(sockstat, 'TCP', 'inuse');
  const inUse6 = numberIn(sockstat6, 'TCP6', 'inuse') ?? 0; // empty where the kernel has no IPv6
  const range = sizeOf(portRange);
  if (timeWait === undefined || inUse === undefined || range === undefined) return undefined;

  return { timeWait, inUse: inUse + inUse6, range };
}

/** Lines are `TCP: inuse 5 orphan 0 tw 12 alloc 9 mem 1`. */
function numberIn(text: string, protocol: string, name: string): number | undefined {
  const line = text.split('\n').find(each => each.startsWith(`${protocol}:`));
  const words = line?.trim().split(/\s+/) ?? [];
  const at = words.indexOf(name);
  return at < 0 ? undefined : whole(words[at + 1]);
}

/** `32768	60999`, both ends among them. */
function sizeOf(portRange: string): number | undefined {
  const words = portRange.trim().split(/\s+/);
  const [first, last] = words.map(whole);
  if (words.length !== 2 || first === undefined || last === undefined || last < first || last > 65_535)
    return undefined;

  return last - first + 1;
}

function whole(word: string | undefined): number | undefined {
  return word !== undefined && /^\d{1,15}$/.test(word) ? Number(word) : undefined;
}
