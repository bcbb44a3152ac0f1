import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import type { PromQL } from '../promql.ts';

/** A row of a dashboard. Its title is a question or a subject, and its panels answer it. */
export interface Row<Queries = PromQL> {
  /** The id of the row. Its panels count up from here, so that a new row does not change the links to other panels. */
  readonly id: number;
  readonly title: string;
  readonly panels: (queries: Queries) => readonly Builder<Panel>[];
}
