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
  /** The title of the column to sort by, highest value first. A column that shows a label is sorted by the value of its query. */
  readonly sortBy: string;
}

/** A table with one row per label set. All queries have to return the same labels. */
export function table(spec: TableSpec): Builder<Panel> {
  const exprs = spec.columns.flatMap(({ expr }) => (expr === undefined ? [] : [expr]));
  const valueField = (expr = '') => (exprs.length === 1 ? 'Value' : `Value #${refId(exprs.indexOf(expr))}`);
  const fieldOf = ({ expr, label }: Column) => label ?? valueField(expr);
  const unusedValues = spec.columns.flatMap(({ expr, label }) => (expr && label ? [valueField(expr)] : []));
  const panel = withCommonOptions(new PanelBuilder(), spec)
    .targets(exprs.map((expr, index) => prometheusQuery(expr, refId(index)).format(PromQueryFormat.Table).instant()))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'sortBy',
      options: { fields: {}, sort: [{ field: valueField(sortColumn(spec).expr), desc: true }] },
    })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(['Time', ...unusedValues].map(name => [name, true])),
        indexByName: Object.fromEntries(spec.columns.map((column, index) => [fieldOf(column), index])),
        renameByName: Object.fromEntries(spec.columns.map(column => [fieldOf(column), column.title])),
      },
    });
  for (const { title, width, options = {} } of spec.columns) {
    const all = { noValue: '–', ...(width === undefined ? {} : { 'custom.width': width }), ...options };
    panel.overrideByName(
      title,
      Object.entries(all).map(([id, value]) => ({ id, value })),
    );
  }
  return panel;
}

/** The column whose query the table is sorted by, before columns are renamed and values that nobody needs are left out. */
function sortColumn({ columns, sortBy }: TableSpec): Column {
  const column = columns.find(({ title, expr }) => title === sortBy && expr !== undefined);
  if (column === undefined) throw new Error(`no column ${sortBy} with a query`);
  return column;
}
