import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  type Panel,
  QueryVariableBuilder,
  RowBuilder,
  type RowPanel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DOCS } from '../links.ts';
import { DATASOURCE } from './panel.ts';
import type { Row } from './row.ts';

/** The schema of Grafana 11.0. Later versions migrate it. The SDK would write that of Grafana 12, which 11 cannot read. */
const SCHEMA_VERSION = 39;

/** The tag of all dashboards of connmeter. They link to each other by it. */
const TAG = 'connmeter';

export interface DashboardSpec<Queries> {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly QueryVariableBuilder[];
  readonly rows: readonly Row<Queries>[];
}

/** A dashboard in the classic format, which Grafana 11, 12 and 13 import. Grafana 11 cannot read the SDK's version 2. */
export function dashboard<Queries>(spec: DashboardSpec<Queries>, queries: Queries): Dashboard {
  const builder = new DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags([TAG, 'nodejs', 'opentelemetry'])
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .variables([datasource(), ...spec.variables])
    .annotation(alerts())
    .links([relatedDashboards(), docs('Causes and fixes', 'causes.md'), docs('Metrics', 'metrics.md')]);
  const ids: number[] = [];
  for (const { id, title, panels } of spec.rows) {
    builder.withRow(new RowBuilder(title));
    ids.push(id);
    for (const panel of panels(queries)) {
      builder.withPanel(panel);
      ids.push((ids.at(-1) ?? id) + 1);
    }
  }
  const built = builder.build();
  return {
    ...built,
    schemaVersion: SCHEMA_VERSION,
    links: withoutPlacement(built.links ?? []),
    annotations: { list: withoutPlacement(built.annotations?.list ?? []) },
    panels: (built.panels ?? []).map((panel, index) => withId(panel, ids[index])),
  };
}

function withId(panel: Panel | RowPanel, id = 0): Panel | RowPanel {
  return { ...panel, id };
}

/** The SDK places links and annotations in a menu, and has no option to show them. */
function withoutPlacement<T extends { placement?: unknown }>(items: readonly T[]): T[] {
  return items.map(({ placement: _, ...item }) => item as T);
}

function datasource(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus');
}

/** A variable with the values of a label. Users choose one, several or all of them. */
export function labelValues(
  variable: string,
  title: string,
  series: string,
  labelOfSeries: string,
): QueryVariableBuilder {
  const query = `label_values(${series}, ${labelOfSeries})`;
  return new QueryVariableBuilder(variable)
    .label(title)
    .datasource(DATASOURCE)
    .query({ query, refId: variable })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc)
    .multi(true)
    .includeAll(true)
    .allValue('.+')
    .current({ text: ['All'], value: ['$__all'] });
}

function alerts(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name('Alerts')
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor('red')
    .expr('ALERTS{alertname=~"Connmeter.*", alertstate="firing", job=~"$job"}')
    .titleFormat('{{alertname}}')
    .textFormat('{{server_address}}')
    .tagKeys('severity,job,server_address')
    .step('60s');
}

function relatedDashboards(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Dashboards').type(DashboardLinkType.Dashboards).tags([TAG]).keepTime(true);
}

function docs(title: string, page: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .icon('doc')
    .url(`${DOCS}/${page}`)
    .targetBlank(true);
}
