import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { NEUTRAL, STATE_COLOURS } from '../grafana/colours.ts';
import { type GraphSpec, graph } from '../grafana/graph.ts';
import type { PromQL } from '../promql.ts';

type LifetimeGraphSpec = Pick<GraphSpec, 'title' | 'size' | 'description' | 'noValue'> & {
  readonly metric: 'http.client.connection.duration' | 'connmeter.server.connection.duration';
};

/** How long connections are open before they close. */
export function lifetimeGraph(promql: PromQL, { metric, ...spec }: LifetimeGraphSpec): Builder<Panel> {
  return graph({
    ...spec,
    unit: 's',
    calcs: ['lastNotNull', 'max'],
    colours: { p50: NEUTRAL, p95: STATE_COLOURS.idle },
    queries: [0.5, 0.95].map(quantile => ({
      expr: promql.quantile(quantile, metric),
      legend: `p${quantile * 100}`,
    })),
  });
}
