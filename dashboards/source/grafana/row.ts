import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';

/** A row of a dashboard. Its title is a question or a subject, and its panels answer it. */
export interface Row<Queries> {
  /** The id of the row. Its panels count up from here, so that a new row does not change the links to other panels. */
  readonly id: number;
  readonly title: string;
  /** Only its title is shown until somebody opens it. */
  readonly collapsed?: boolean;
  readonly panels: (queries: Queries) => readonly Builder<Panel>[];
}
