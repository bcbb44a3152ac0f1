import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { BAD } from '../grafana/colours.ts';
import { REUSE_STEPS } from '../grafana/columns.ts';
import { type GraphSpec, graph } from '../grafana/graph.ts';
import { steps } from '../grafana/panel.ts';
import { type StatSpec, stat } from '../grafana/stat.ts';
import { THRESHOLDS } from '../thresholds.ts';
import { STAT_SIZE } from './number-stat.ts';

/** The reuse ratio as a number, in a row of six stats. */
export function reuseStat({ description, expr }: Pick<StatSpec, 'description' | 'expr'>): Builder<Panel> {
  return stat({
    title: 'Reuse',
    label: 'of HTTP requests',
    size: STAT_SIZE,
    description,
    unit: 'percentunit',
    decimals: 1,
    max: 1,
    noValue: 'no requests',
    thresholds: REUSE_STEPS,
    expr,
  });
}

type ReuseGraphSpec = Pick<GraphSpec, 'title' | 'size' | 'description' | 'link'> &
  Partial<Pick<GraphSpec, 'noValue'>> & { readonly expr: string; readonly legend: string };

/** The reuse ratio over time. The area below the threshold is red, and the lowest ratio is first in the legend. */
export function reuseGraph({ expr, legend, ...spec }: ReuseGraphSpec): Builder<Panel> {
  return graph({
    noValue: 'No requests in this time range',
    ...spec,
    unit: 'percentunit',
    max: 1,
    thresholdAreas: true,
    thresholds: steps([null, BAD], [THRESHOLDS.reuse.bad, 'transparent']),
    calcs: ['lastNotNull', 'mean'],
    ascending: true,
    queries: [{ expr, legend }],
  });
}
