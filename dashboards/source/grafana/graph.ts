import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  GraphDrawStyle,
  GraphGradientMode,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  LineInterpolation,
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
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Link } from '../links.ts';
import { fixedColour, type PanelSpec, prometheusQuery, refId, withCommonOptions } from './panel.ts';

export interface GraphQuery {
  readonly expr: string;
  readonly legend: string;
}

export interface GraphSpec extends PanelSpec {
  readonly queries: readonly GraphQuery[];
  readonly stack?: boolean;
  /** Colours by series name. Other series get different colours, in the order of their names. */
  readonly colours?: Readonly<Record<string, string>>;
  /** What a click on a series opens. */
  readonly link?: Link;
  /** Draws the thresholds as dashed lines. */
  readonly thresholdLines?: boolean;
  /** The columns of the legend. It is sorted by the first. */
  readonly calcs?: readonly ('mean' | 'max' | 'lastNotNull')[];
  /** Sorts the legend in ascending order. */
  readonly ascending?: boolean;
}

const CALC_NAMES = { mean: 'Mean', max: 'Max', lastNotNull: 'Last *' } as const;

/** How far an axis reaches at least, by unit. Without it, a panel of zeros or tiny values looks as bad as a full one. */
const SOFT_MAX: Readonly<Record<string, number>> = { cps: 1, reqps: 1, none: 1, short: 1, s: 0.01, percentunit: 0.1 };

/** A time series panel. */
export function graph(spec: GraphSpec): Builder<Panel> {
  const { queries, stack = false, colours = {}, thresholdLines = false, link } = spec;
  const { calcs = ['mean', 'max'], ascending = false } = spec;
  const panel = withCommonOptions(new PanelBuilder(), spec)
    .targets(queries.map(({ expr, legend }, index) => prometheusQuery(expr, refId(index)).legendFormat(legend)))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
    .drawStyle(GraphDrawStyle.Line)
    .lineInterpolation(LineInterpolation.Linear)
    .lineWidth(stack ? 1 : 2)
    .fillOpacity(stack ? 60 : 0)
    .gradientMode(GraphGradientMode.None)
    .showPoints(VisibilityMode.Never)
    .stacking(new StackingConfigBuilder().mode(stack ? StackingMode.Normal : StackingMode.None).group('A'))
    .thresholdsStyle(
      new GraphThresholdsStyleConfigBuilder().mode(
        thresholdLines ? GraphThresholdsStyleMode.Dashed : GraphThresholdsStyleMode.Off,
      ),
    )
    .legend(legend(calcs, ascending))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending).hideZeros(true));
  const softMax = SOFT_MAX[spec.unit];
  if (softMax !== undefined && spec.max === undefined) panel.axisSoftMax(softMax);
  if (link !== undefined) panel.dataLinks([{ build: () => link as DashboardLink }]); // the SDK has no builder for these
  for (const [name, colour] of Object.entries(colours)) {
    panel.overrideByName(name, [{ id: 'color', value: fixedColour(colour).build() }]);
  }
  return panel;
}

function legend(calcs: NonNullable<GraphSpec['calcs']>, ascending: boolean): VizLegendOptionsBuilder {
  const [first] = calcs;
  const built = new VizLegendOptionsBuilder()
    .displayMode(LegendDisplayMode.Table)
    .placement(LegendPlacement.Bottom)
    .showLegend(true)
    .calcs([...calcs]);
  return first === undefined ? built : built.sortBy(CALC_NAMES[first]).sortDesc(!ascending);
}
