import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorBuilder, FieldColorModeId, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { fixedColour, type PanelSpec, prometheusQuery, withCommonOptions } from './panel.ts';

export interface StatSpec extends PanelSpec {
  readonly expr: string;
  /** The text above the number: `per second`, or what it is a share of. */
  readonly label: string;
  /** A fixed colour instead of thresholds, for a number that is neither good nor bad. */
  readonly colour?: string;
}

/** One number, with a graph of its past in the background. */
export function stat(spec: StatSpec): Builder<Panel> {
  const panel = withCommonOptions(new PanelBuilder(), spec)
    .withTarget(prometheusQuery(spec.expr, 'A').legendFormat(spec.label))
    .graphMode(BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .textMode(BigValueTextMode.ValueAndName) // without a name, Grafana writes the number across the graph
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false));
  if (spec.colour !== undefined) return panel.colorScheme(fixedColour(spec.colour));
  return panel.colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds));
}
