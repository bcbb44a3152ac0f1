import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { BAD } from '../grafana/colours.ts';
import { REUSE_STEPS } from '../grafana/columns.ts';
import { type GraphSpec, graph } from '../grafana/graph.ts';
import { steps } from '../grafana/panel.ts';
import { type StatSpec, stat } from '../grafana/stat.ts';
import { orZero } from '../promql.ts';
import { THRESHOLDS } from '../thresholds.ts';
import { NOT_REPORTING, STAT_SIZE } from './number-stat.ts';

/** Stands for a ratio of no requests, which would be 0 / 0. */
const NO_REQUESTS = -1;

/** The reuse ratio as a number, in a row of six stats. `zero` is a query that has a result while connmeter reports. */
export function reuseStat({
  description,
  expr,
  zero,
}: Pick<StatSpec, 'description' | 'expr'> & { readonly zero: string }): Builder<Panel> {
  return stat({
    title: 'Reuse',
    label: 'of HTTP requests',
    size: STAT_SIZE,
    description,
    unit: 'percentunit',
    decimals: 1,
    max: 1,
    noValue: NOT_REPORTING,
    texts: [{ value: `${NO_REQUESTS}`, text: 'no requests', colour: 'text' }],
    thresholds: REUSE_STEPS,
    expr: orZero(expr, `${zero} + ${NO_REQUESTS}`),
  });
}

type ReuseGraphSpec = Pick<GraphSpec, 'title' | 'size' | 'description' | 'link'> &
  Partial<Pick<GraphSpec, 'noValue'>> & { readonly expr: string; readonly legend: string };

/** The reuse ratio over time. A dashed line is the threshold, and the lowest ratio is first in the legend. */
export function reuseGraph({ expr, legend, ...spec }: ReuseGraphSpec): Builder<Panel> {
  return graph({
    noValue: 'No requests in this time range',
    ...spec,
    unit: 'percentunit',
    max: 1,
    thresholdLines: true,
    thresholds: steps([null, 'transparent'], [THRESHOLDS.reuse.bad, BAD]),
    calcs: ['lastNotNull', 'mean'],
    ascending: true,
    queries: [{ expr, legend }],
  });
}
