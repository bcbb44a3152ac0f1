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
import { PLACE } from '../place.ts';
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
  /** More annotations than the alerts. */
  readonly annotations?: readonly AnnotationQueryBuilder[];
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
    .annotations([alerts(), ...(spec.annotations ?? [])])
    .links([relatedDashboards(), docs('Causes and fixes', 'causes.md'), docs('Metrics', 'metrics.md')]);
  const ids: number[] = [];
  for (const { id, title, collapsed = false, panels } of spec.rows) {
    builder.withRow(new RowBuilder(title).collapsed(collapsed));
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
    panels: folded((built.panels ?? []).map((panel, index) => withId(panel, ids[index]))),
  };
}

function withId<P extends Panel | RowPanel>(panel: P, id = 0): P {
  return { ...panel, id };
}

/** Grafana wants the panels of a collapsed row inside the row, and what follows in their place. */
function folded(panels: readonly (Panel | RowPanel)[]): (Panel | RowPanel)[] {
  const outside: (Panel | RowPanel)[] = [];
  let row: RowPanel | undefined;
  let hidden = 0;
  for (const panel of panels) {
    const moved = { ...panel, gridPos: { ...GRID_ORIGIN, ...panel.gridPos, y: (panel.gridPos?.y ?? 0) - hidden } };
    if (isRow(moved)) {
      hidden += heightOf(row);
      const y = moved.gridPos.y - heightOf(row);
      const placed = { ...moved, panels: [], gridPos: { ...moved.gridPos, y } };
      row = moved.collapsed ? placed : undefined;
      outside.push(placed);
    } else if (row) row.panels.push(moved);
    else outside.push(moved);
  }
  return outside;
}

const GRID_ORIGIN = { x: 0, y: 0, w: 0, h: 0 };

/** The height of the panels in a row. */
function heightOf(row: RowPanel | undefined): number {
  if (row === undefined) return 0;
  const top = (row.gridPos?.y ?? 0) + 1;
  return Math.max(0, ...row.panels.map(({ gridPos }) => (gridPos?.y ?? 0) + (gridPos?.h ?? 0) - top));
}

function isRow(panel: Panel | RowPanel): panel is RowPanel {
  return panel.type === 'row';
}

/** The SDK places links and annotations in a menu, and has no option to show them. */
function withoutPlacement<T extends { placement?: unknown }>(items: readonly T[]): T[] {
  return items.map(({ placement: _, ...item }) => item as T);
}

function datasource(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus');
}

/**
 * A variable with the values of a label. Users choose one, several or all of them. `optional`: if all are chosen, series without
 * the label are shown too.
 */
export function labelValues(
  variable: string,
  title: string,
  series: string,
  labelOfSeries: string,
  { optional = false } = {},
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
    .allValue(optional ? '.*' : '.+')
    .current({ text: ['All'], value: ['$__all'] });
}

/** The variables for where a job runs. Many setups have neither label: then these show all there is. */
export function placeVariables(series: string): QueryVariableBuilder[] {
  const place = { optional: true };
  return [
    labelValues('cluster', 'Cluster', series, 'cluster', place),
    labelValues('namespace', 'Namespace', `${series}{cluster=~"$cluster"}`, 'namespace', place),
    labelValues('job', 'Job', `${series}{cluster=~"$cluster", namespace=~"$namespace"}`, 'job'),
  ];
}

function alerts(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name('Alerts')
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor('red')
    .expr(`ALERTS{alertname=~"Connmeter.*", alertstate="firing", ${PLACE}}`)
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
