import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { PromQL } from '../promql.ts';

/** One row of a dashboard: a question, and the panels that answer it. */
export interface Row<Ask = PromQL> {
  /** Panels are numbered from here, so that a new row leaves the links to panels of others as they are. */
  readonly id: number;
  readonly title: string;
  readonly panels: (ask: Ask) => readonly Builder<Panel>[];
}
