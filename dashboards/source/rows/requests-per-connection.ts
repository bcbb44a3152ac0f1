import type { Query } from '../grafana/panels.ts';
import { type PromQL, share } from '../promql.ts';

/** Which share of the connections served so many requests, from the difference of two buckets: of either side's histogram. */
export function served(
  ask: PromQL,
  metric: 'connmeter.connection.requests' | 'connmeter.server.connection.requests',
): Query[] {
  const all = ask.rate(metric);
  const upTo = (most: number) => ask.rateUpTo(metric, most);
  return [
    { legend: 'none', expr: share(upTo(0), all) },
    { legend: 'one', expr: share(`(${upTo(1)} - ${upTo(0)})`, all) },
    { legend: '2 to 10', expr: share(`(${upTo(10)} - ${upTo(1)})`, all) },
    { legend: '11 to 100', expr: share(`(${upTo(100)} - ${upTo(10)})`, all) },
    { legend: 'more than 100', expr: share(`(${all} - ${upTo(100)})`, all) },
  ];
}
