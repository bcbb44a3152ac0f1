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
import type { Row } from '../rows/row.ts';
import { DATASOURCE } from './panels.ts';

/**
 * The schema of Grafana 11.0, which later ones bring up to date by themselves. The SDK writes that of Grafana 12, which an
 * older one would not take back.
 */
const SCHEMA = 39;

/** What the dashboards of connmeter have in common, and lead to each other by. */
const TAG = 'connmeter';

export interface DashboardSpec<Ask> {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly QueryVariableBuilder[];
  readonly rows: readonly Row<Ask>[];
}

/**
 * Of the classic kind, which Grafana 11, 12 and 13 all import; the SDK would rather build version 2, which 11 cannot read.
 */
export function dashboard<Ask>(spec: DashboardSpec<Ask>, ask: Ask): Dashboard {
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
    .links([others(), docs('Causes and fixes', 'causes.md'), docs('Metrics', 'metrics.md')]);
  const ids: number[] = [];
  for (const { id, title, panels } of spec.rows) {
    builder.withRow(new RowBuilder(title));
    ids.push(id);
    for (const panel of panels(ask)) {
      builder.withPanel(panel);
      ids.push((ids.at(-1) ?? id) + 1);
    }
  }
  const built = builder.build();
  return {
    ...built,
    schemaVersion: SCHEMA,
    links: inSight(built.links ?? []),
    annotations: { list: inSight(built.annotations?.list ?? []) },
    panels: (built.panels ?? []).map((panel, index) => numbered(panel, ids[index])),
  };
}

function numbered(panel: Panel | RowPanel, id = 0): Panel | RowPanel {
  return { ...panel, id };
}

/** The SDK hides links and annotations in a menu, unless told otherwise, and there is no way to tell it. */
function inSight<T extends { placement?: unknown }>(items: readonly T[]): T[] {
  return items.map(({ placement: _, ...item }) => item as T);
}

function datasource(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus');
}

/** A variable that takes one or several values of a label, or all. */
export function labelValues(name: string, label: string, series: string, of: string): QueryVariableBuilder {
  const query = `label_values(${series}, ${of})`;
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(DATASOURCE)
    .query({ query, refId: name })
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

function others(): DashboardLinkBuilder {
  return new DashboardLinkBuilder('Dashboards').type(DashboardLinkType.Dashboards).tags([TAG]).keepTime(true);
}

function docs(title: string, page: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title)
    .type(DashboardLinkType.Link)
    .icon('doc')
    .url(`${DOCS}/${page}`)
    .targetBlank(true);
}
