import type { ClosedConnection, LiveConnection } from '../../client/snapshot.ts';
import type { OriginOverview } from '../../explain/overview.ts';
import { count, duration, NOTHING, percent, rate, shortCount } from './format.ts';
import { visible } from './names.ts';
import { type Recent, totalsOf } from './rates.ts';

/** New connections and requests: per second, or in total until that is known. */
export function eventCell(total: number, recent: number | undefined, seconds: number): string {
  return recent === undefined ? `${shortCount(total)} total` : rate(recent / seconds);
}

/** The share of requests that reused a connection: in the last seconds, or since the start until that is known. */
export function reuseCell(origin: OriginOverview, recent: Recent | undefined): string {
  if (!origin.http) return NOTHING;
  const { fresh, reused } = recent ?? totalsOf(origin);
  return fresh + reused === 0 ? NOTHING : percent(reused / (fresh + reused));
}

/** The failed attempts, with the most frequent error. */
export function failureCell({ failed }: OriginOverview): string {
  const most = failed.reduce<OriginOverview['failed'][number] | undefined>(
    (worst, each) => (worst === undefined || each.count > worst.count ? each : worst),
    undefined,
  );
  if (most === undefined) return '0';
  const total = failed.reduce((sum, each) => sum + each.count, 0);
  return `${shortCount(total)}: ${visible(most.phase)} ${visible(most.errorType)}`;
}

/** A gauge. Zeros are less important than numbers. */
export function gaugeCell(value: number): string {
  return value === 0 ? '0' : count(value);
}

/** How long a phase of opening took; nothing if it has not ended, or there is no such phase. */
export function phaseCell(seconds: number | undefined): string {
  return seconds === undefined ? NOTHING : duration(seconds);
}

export function requestsCell({
  requests,
  mostStreams,
}: Pick<LiveConnection, 'requests'> & Partial<LiveConnection>): string {
  return mostStreams === undefined ? count(requests) : `${count(requests)}, ${count(mostStreams)} at once`;
}

export function poolCell({ pool }: Pick<ClosedConnection, 'pool'>): string {
  return pool === undefined ? NOTHING : `#${pool}`;
}
