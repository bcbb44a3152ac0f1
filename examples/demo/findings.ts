import type { CallSite, OriginSnapshot, Snapshot } from 'connmeter';
import { inWords } from './words.ts';

/** Below this many connections, chance has a say. */
const FEWEST = 10;

/** One line for each origin most of whose connections have one cause, since the start, with the lines of code to blame. */
export function findingsOf({ origins, callSites }: Pick<Snapshot, 'origins' | 'callSites'>): string[] {
  return origins
    .filter(({ http }) => http)
    .flatMap(origin => {
      const sites = callSites.filter(({ address, port }) => address === origin.address && port === origin.port);
      return findingOf(origin, sites) ?? [];
    });
}

function findingOf(
  { address, port, opened, requests }: OriginSnapshot,
  sites: readonly CallSite[],
): string | undefined {
  const all = opened.reduce((sum, { count }) => sum + count, 0);
  const [most] = opened.toSorted((a, b) => b.count - a.count);
  if (most === undefined || all < FEWEST || requests.reused > all) return undefined;

  const made = sites.map(({ site }) => site).join(', ');
  const where = made === '' ? '' : ` (${made})`;
  const origin = [address, port].filter(part => part !== undefined).join(':');
  return `${most.count} of ${all} connections to ${origin}: ${inWords(most.reason ?? most.cause)}${where}`;
}
