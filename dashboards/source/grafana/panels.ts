import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  GraphGradientMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  LineInterpolation,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DashboardLink,
  FieldColorBuilder,
  FieldColorModeId,
  type Panel,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder, PromQueryFormat } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { DOCS, type Link } from '../links.ts';

/** The Prometheus that the dashboard's first variable chooses. */
export const DATASOURCE = { type: 'prometheus', uid: '$datasource' } as const;

/** What the (i) of a panel says. */
export interface Explained {
  readonly what: string;
  readonly good: string;
  readonly bad: string;
  readonly act: string;
  /** A page of docs/, with its anchor. */
  readonly docs?: string;
}

interface Described {
  readonly title: string;
  /** Width, of 24, and height in Grafana's grid. */
  readonly size: readonly [width: number, height: number];
  readonly explained: Explained;
  readonly unit: string;
  readonly decimals?: number;
  readonly max?: number;
  /** What stands in a panel that has nothing to draw. */
  readonly empty: string;
  readonly thresholds?: readonly Threshold[];
}

export interface Query {
  readonly expr: string;
  readonly legend: string;
}

export interface Stat extends Described {
  readonly expr: string;
  /** What stands above the number: what it is a share of, or per what. */
  readonly of: string;
  /** In place of thresholds, where a number is neither good nor bad. */
  readonly colour?: string;
}

/** One number with its past behind it. */
export function stat(spec: Stat): Builder<Panel> {
  const panel = described(new StatBuilder(), spec)
    .withTarget(query(spec.expr, 'A').legendFormat(spec.of))
    .graphMode(BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .textMode(BigValueTextMode.ValueAndName) // a number alone would stand in the middle of its graph
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false));
  if (spec.colour !== undefined) return panel.colorScheme(fixed(spec.colour));
  return panel.colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds));
}

export interface Graph extends Described {
  readonly queries: readonly Query[];
  /** One on top of the other. */
  readonly stack?: boolean;
  /** Colours by the name in the legend. Without: the same colour for the same name on every panel. */
  readonly colours?: Readonly<Record<string, string>>;
  /** Where a click on a series leads. */
  readonly link?: Link;
  /** Colours the ground as the thresholds say. */
  readonly zones?: boolean;
  /** What the legend says of each series, the first being what it is sorted by. */
  readonly calcs?: readonly ('mean' | 'max' | 'lastNotNull')[];
  /** The least comes first in the legend. */
  readonly leastFirst?: boolean;
}

const CALC_NAMES = { mean: 'Mean', max: 'Max', lastNotNull: 'Last *' } as const;

export function graph(spec: Graph): Builder<Panel> {
  const {
    queries,
    stack = false,
    colours = {},
    zones = false,
    calcs = ['mean', 'max'],
    leastFirst = false,
    link,
  } = spec;
  const panel = described(new GraphBuilder(), spec)
    .targets(queries.map(({ expr, legend }, index) => query(expr, letter(index)).legendFormat(legend)))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassicByName))
    .drawStyle(GraphDrawStyle.Line)
    .lineInterpolation(LineInterpolation.Linear)
    .lineWidth(stack ? 1 : 2)
    .fillOpacity(stack ? 60 : 0)
    .gradientMode(GraphGradientMode.None)
    .showPoints(VisibilityMode.Never)
    .stacking(new StackingConfigBuilder().mode(stack ? StackingMode.Normal : StackingMode.None).group('A'))
    .thresholdsStyle(
      new GraphThresholdsStyleConfigBuilder().mode(
        zones ? GraphThresholdsStyleMode.Area : GraphThresholdsStyleMode.Off,
      ),
    )
    .legend(legend(calcs, leastFirst))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending).hideZeros(true));
  if (link !== undefined) panel.dataLinks([{ build: () => link as DashboardLink }]); // the SDK has no builder for these
  for (const [name, colour] of Object.entries(colours)) {
    panel.overrideByName(name, [{ id: 'color', value: fixed(colour).build() }]);
  }
  return panel;
}

function legend(calcs: NonNullable<Graph['calcs']>, leastFirst: boolean): VizLegendOptionsBuilder {
  const [first] = calcs;
  const built = new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
    .calcs([...calcs]);
  return first === undefined ? built : built.sortBy(CALC_NAMES[first]).sortDesc(!leastFirst);
}

/** A column of a table: the answer to a query, or a label. */
export interface Column {
  readonly title: string;
  /** Without: a label, by the name of the field. */
  readonly expr?: string;
  readonly label?: string;
  readonly width?: number;
  /** Further settings, by Grafana's name for them. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface Table extends Described {
  readonly columns: readonly Column[];
  /** The title of the column whose largest number comes first. */
  readonly sortBy: string;
}

/** One row for each set of labels, from queries that answer with the same labels. */
export function table(spec: Table): Builder<Panel> {
  const asked = spec.columns.flatMap(({ expr }) => (expr === undefined ? [] : [expr]));
  const fieldOf = ({ expr, label }: Column) =>
    label ?? (asked.length === 1 ? 'Value' : `Value #${letter(asked.indexOf(expr ?? ''))}`);
  const panel = described(new TableBuilder(), spec)
    .targets(asked.map((expr, index) => query(expr, letter(index)).format(PromQueryFormat.Table).instant()))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .withTransformation({ id: 'merge', options: {} })
    .withTransformation({
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(['Time', ...hidden(spec)].map(name => [name, true])),
        indexByName: Object.fromEntries(spec.columns.map((column, index) => [fieldOf(column), index])),
        renameByName: Object.fromEntries(spec.columns.map(column => [fieldOf(column), column.title])),
      },
    })
    .withTransformation({ id: 'sortBy', options: { fields: {}, sort: [{ field: spec.sortBy, desc: true }] } });
  for (const { title, width, settings = {} } of spec.columns) {
    const all = { noValue: '–', ...(width === undefined ? {} : { 'custom.width': width }), ...settings };
    panel.overrideByName(
      title,
      Object.entries(all).map(([id, value]) => ({ id, value })),
    );
  }
  return panel;
}

/** Answers whose number says nothing, as of a column that is a label of theirs. */
function hidden({ columns }: Table): string[] {
  const asked = columns.filter(({ expr }) => expr !== undefined);
  return asked.flatMap(({ label }, index) => (label === undefined ? [] : [`Value #${letter(index)}`]));
}

/** From `value` upwards; the first has none. */
export function steps(...colours: readonly (readonly [value: number | null, colour: string])[]): Threshold[] {
  return colours.map(([value, color]) => ({ value, color }));
}

type AnyPanel = StatBuilder | GraphBuilder | TableBuilder;

function described<P extends AnyPanel>(panel: P, spec: Described): P {
  const { title, size, explained, unit, decimals, max, empty, thresholds = [{ value: null, color: 'text' }] } = spec;
  panel
    .title(title)
    .description(markdown(explained))
    .datasource(DATASOURCE)
    .span(size[0])
    .height(size[1])
    .unit(unit)
    .min(0)
    .noValue(empty)
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...thresholds]));
  if (max !== undefined) panel.max(max);
  if (decimals !== undefined) panel.decimals(decimals);
  return panel;
}

function markdown({ what, good, bad, act, docs }: Explained): string {
  const parts = [what, `**Good:** ${good}`, `**Bad:** ${bad}`, `**Do:** ${act}`];
  if (docs !== undefined) parts.push(`[Read more](${DOCS}/${docs})`);
  return parts.join('\n\n');
}

export function query(expr: string, refId: string): DataqueryBuilder {
  return new DataqueryBuilder().datasource(DATASOURCE).expr(expr).refId(refId);
}

function fixed(colour: string): FieldColorBuilder {
  return new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor(colour);
}

function letter(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}
