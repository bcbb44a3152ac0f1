import type { CallSite, OriginSnapshot, Snapshot } from 'connmeter';
import { explanationOf } from './explanations.ts';

/** With fewer connections than this, the most frequent cause is random. */
const MIN_CONNECTIONS = 10;

/** One line per origin that wastes connections: the most frequent cause since the start, and the lines of code. */
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
  const total = opened.reduce((sum, { count }) => sum + count, 0);
  const [top] = opened.toSorted((a, b) => b.count - a.count);
  if (top === undefined || total < MIN_CONNECTIONS || requests.reused > total) return undefined;

  const lines = sites.map(({ site }) => site).join(', ');
  const origin = [address, port].filter(part => part !== undefined).join(':');
  return `${top.count} of ${total} to ${origin}: ${explanationOf(top.reason ?? top.cause)}${lines && ` (${lines})`}`;
}
