import {
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMap,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import type { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import type { PanelBuilder as TableBuilder } from '@grafana/grafana-foundation-sdk/table';
import type { PanelBuilder as GraphBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import { DOCS } from '../links.ts';

// What all types of panels have in common.

/** The Prometheus that the variable `datasource` selects. */
export const DATASOURCE = { type: 'prometheus', uid: '$datasource' } as const;

/** The description of a panel, behind its (i). */
export interface Description {
  readonly what: string;
  readonly good: string;
  readonly bad: string;
  readonly action: string;
  /** A page of docs/, with its anchor. */
  readonly docs?: string;
}

export interface PanelSpec {
  readonly title: string;
  /** In units of Grafana's grid, which has 24 columns. */
  readonly size: readonly [width: number, height: number];
  readonly description: Description;
  readonly unit: string;
  readonly decimals?: number;
  readonly max?: number;
  /** The text of a panel without data. */
  readonly noValue: string;
  readonly thresholds?: readonly Threshold[];
  /** Texts for single values. */
  readonly texts?: readonly ValueText[];
}

/** A text that is shown instead of a value, and its colour. */
export interface ValueText {
  readonly value: string;
  readonly text: string;
  readonly colour?: string;
}

/** Texts as Grafana's value mapping. */
export function valueMapping(texts: readonly ValueText[]): ValueMap {
  const options = texts.map(({ value, text, colour: color }, index) => [value, { text, color, index }]);
  return { type: MappingType.ValueToText, options: Object.fromEntries(options) };
}

type AnyPanelBuilder = StatBuilder | GraphBuilder | TableBuilder;

/** Sets the options that all types of panels have. */
export function withCommonOptions<P extends AnyPanelBuilder>(panel: P, spec: PanelSpec): P {
  const { title, size, description, unit, decimals, max, noValue } = spec;
  const { thresholds = [{ value: null, color: 'text' }], texts = [] } = spec;
  panel
    .title(title)
    .description(markdown(description))
    .datasource(DATASOURCE)
    .span(size[0])
    .height(size[1])
    .unit(unit)
    .min(0)
    .noValue(noValue)
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps([...thresholds]));
  if (texts.length > 0) panel.mappings([valueMapping(texts)]);
  if (max !== undefined) panel.max(max);
  if (decimals !== undefined) panel.decimals(decimals);
  return panel;
}

function markdown({ what, good, bad, action, docs }: Description): string {
  const parts = [what, `**Good:** ${good}`, `**Bad:** ${bad}`, `**What to do:** ${action}`];
  if (docs !== undefined) parts.push(`[Read more](${DOCS}/${docs})`);
  return parts.join('\n\n');
}

/** Threshold steps. Each colour applies from its value upwards; the value of the first is `null`. */
export function steps(...colours: readonly (readonly [value: number | null, colour: string])[]): Threshold[] {
  return colours.map(([value, color]) => ({ value, color }));
}

export function prometheusQuery(expr: string, refId: string): DataqueryBuilder {
  return new DataqueryBuilder().datasource(DATASOURCE).expr(expr).refId(refId);
}

/** The refId of a query: A, B, C. */
export function refId(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index);
}

export function fixedColour(colour: string): FieldColorBuilder {
  return new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor(colour);
}
