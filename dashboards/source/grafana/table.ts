import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import { FieldColorBuilder, FieldColorModeId, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/table';
import { type PanelSpec, prometheusQuery, refId, withCommonOptions } from './panel.ts';

/** A column: the value of a query, or a label. */
export interface Column {
  readonly title: string;
  readonly expr?: string;
  /** With `expr`: the label of its result to show, instead of the value. */
  readonly label?: string;
  readonly width?: number;
  /** More field options, by Grafana's id. */
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface TableSpec extends PanelSpec {
  readonly columns: readonly Column[];
  /** The title of the column to sort by, highest value first. */
  readonly sortBy: string;
}

/** A table with one row per label set. All queries have to return the same labels. */
export function table(spec: TableSpec): Builder<Panel> {
  const exprs = spec.columns.flatMap(({ expr }) => (expr === undefined ? [] : [expr]));
  const fieldOf = ({ expr, label }: Column) =>
    label ?? (exprs.length === 1 ? 'Value' : `Value #${refId(exprs.indexOf(expr ?? ''))}`);
  const panel = withCommonOptions(new PanelBuilder(), spec)
    .targets(exprs.map((expr, index) => prometheusQuery(expr, refId(index)).format(PromQueryFormat.Table).instant()))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(['Time', ...unusedValues(spec)].map(name => [name, true])),
        indexByName: Object.fromEntries(spec.columns.map((column, index) => [fieldOf(column), index])),
        renameByName: Object.fromEntries(spec.columns.map(column => [fieldOf(column), column.title])),
      },
    })
    .withTransformation({ id: 'sortBy', options: { fields: {}, sort: [{ field: spec.sortBy, desc: true }] } });
  for (const { title, width, options = {} } of spec.columns) {
    const all = { noValue: '–', ...(width === undefined ? {} : { 'custom.width': width }), ...options };
    panel.overrideByName(
      title,
      Object.entries(all).map(([id, value]) => ({ id, value })),
    );
  }
  return panel;
}

/** The value fields of queries whose column shows a label. */
function unusedValues({ columns }: TableSpec): string[] {
  const queried = columns.filter(({ expr }) => expr !== undefined);
  return queried.flatMap(({ label }, index) => (label === undefined ? [] : [`Value #${refId(index)}`]));
}
