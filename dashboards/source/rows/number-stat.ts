import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import type { Panel } from '@grafana/grafana-foundation-sdk/dashboard';
import { NEUTRAL } from '../grafana/colours.ts';
import { steps } from '../grafana/panel.ts';
import { type StatSpec, stat } from '../grafana/stat.ts';

/** The size of a stat in a row of six. */
export const STAT_SIZE: StatSpec['size'] = [4, 5];

/** What a number says that has no value: if connmeter reported, it would be zero at least. */
export const NOT_REPORTING = 'connmeter is not reporting';

/** A stat that is neither good nor bad by itself, in a row of six. */
export function numberStat(
  spec: Omit<StatSpec, 'size' | 'unit' | 'thresholds' | 'noValue'> & { readonly unit?: string },
): Builder<Panel> {
  const thresholds = steps([null, 'text'], [0, NEUTRAL]); // no value has the colour of text
  return stat({ decimals: 1, unit: 'short', thresholds, size: STAT_SIZE, noValue: NOT_REPORTING, ...spec });
}
