// Kept, because the program may replace it.
const { getActiveResourcesInfo } = process;

/** What Node calls `dns.lookup()` and `dns.lookupService()` while they run. Both use its thread pool. */
const LOOKUPS: ReadonlySet<string> = new Set(['GetAddrInfoReqWrap', 'GetNameInfoReqWrap']);

/** Reading takes a few milliseconds with this many sockets. */
const MAX_SOCKETS = 5_000;

/**
 * How many lookups run or wait in Node's thread pool, whoever asked for them. They stay there when their client has given up.
 *
 * Limitations: queries to a DNS server (`dns.resolve*`) are not listed. Node lists every socket and timer too, which takes a
 * microsecond each. So this is read at collections only, and not if the process has very many sockets.
 */
export function readLookups(sockets: number): number {
  if (sockets > MAX_SOCKETS) return 0;

  let count = 0;
  for (const resource of getActiveResourcesInfo()) if (LOOKUPS.has(resource)) count++;
  return count;
}
