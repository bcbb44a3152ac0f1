import { lookup } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The servers that the checkout service calls. */
export const UPSTREAMS = ['payments', 'catalog', 'accounts', 'inventory', 'pricing'] as const;
export type UpstreamName = (typeof UPSTREAMS)[number];

const LOOPBACK = /^(127\.|::1$)/;

/** Names under `.localhost` always mean this machine, and show in the metrics which upstream it is. */
export function nameOf(upstream: UpstreamName): string {
  return `${upstream}.localhost`;
}

/**
 * The host name of an upstream. Not every system resolves names under `.localhost`: systemd-resolved does, and docker-compose.yml adds
 * them, but other Linux systems do not. There, all upstreams are `localhost`, with a port each.
 */
export async function hosts(): Promise<typeof nameOf> {
  const addresses = await Promise.race([
    lookup(nameOf(UPSTREAMS[0]), { all: true }).catch(() => []),
    sleep(2_000, [], { ref: false }),
  ]);
  const resolves = addresses.length > 0 && addresses.every(({ address }) => LOOPBACK.test(address));
  return resolves ? nameOf : () => 'localhost';
}
