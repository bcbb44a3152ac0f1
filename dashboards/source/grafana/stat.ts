import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  ReduceDataOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import { FieldColorBuilder, FieldColorModeId, type Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { type PanelSpec, prometheusQuery, refId, withCommonOptions } from './panel.ts';

export interface StatSpec extends PanelSpec {
  readonly expr: string;
  /** The text above the number: `per second`, or what it is a share of. May name labels of the result: `{{server_address}}`. */
  readonly label: string;
  /** What to show if `expr` has no result, with a text of its own. */
  readonly otherwise?: { readonly expr: string; readonly label: string };
  /** Only the last value, without a graph of its past: for a query that names the worst of many. */
  readonly instant?: boolean;
}

/** One number, with a graph of its past in the background. */
export function stat(spec: StatSpec): Builder<Panel> {
  const { expr, label, otherwise, instant = false } = spec;
  const panel = withCommonOptions(new PanelBuilder(), spec)
    .targets(
      [{ expr, label }, ...(otherwise ? [otherwise] : [])].map(({ expr, label }, index) => {
        const query = prometheusQuery(expr, refId(index)).legendFormat(label);
        return instant ? query.instant() : query;
      }),
    )
    .graphMode(instant ? BigValueGraphMode.None : BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .textMode(BigValueTextMode.ValueAndName) // without a name, Grafana writes the number across the graph
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false));
  return panel.colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds));
}
