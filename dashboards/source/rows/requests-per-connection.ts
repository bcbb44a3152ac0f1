import type { GraphQuery } from '../grafana/graph.ts';
import { type PromQL, share } from '../promql.ts';

/** How many of the closed connections served how many requests, from the differences of histogram buckets. */
export function requestsPerConnection(
  promql: PromQL,
  metric: 'connmeter.connection.requests' | 'connmeter.server.connection.requests',
): GraphQuery[] {
  const all = promql.rate(metric);
  const upTo = (boundary: number) => promql.rateUpTo(metric, boundary);
  return [
    { legend: 'none', expr: share(upTo(0), all) },
    { legend: 'one', expr: share(`(${upTo(1)} - ${upTo(0)})`, all) },
    { legend: '2 to 10', expr: share(`(${upTo(10)} - ${upTo(1)})`, all) },
    { legend: '11 to 100', expr: share(`(${upTo(100)} - ${upTo(10)})`, all) },
    { legend: 'more than 100', expr: share(`(${all} - ${upTo(100)})`, all) },
  ];
}
