import type { Link } from '../links.ts';
import { THRESHOLDS } from '../thresholds.ts';
import { BAD, GOOD, WATCH } from './colours.ts';
import { steps } from './panel.ts';
import type { Column } from './table.ts';

// Columns of more than one table.

const { good, bad } = THRESHOLDS.reuse;

/** The colours of the reuse ratio. A ratio that is not known has the colour of text. */
export const REUSE_STEPS = steps([null, 'text'], [0, BAD], [bad, WATCH], [good, GOOD]);

export function number(title: string, expr: string, unit: string, decimals: number): Column {
  return { title, expr, width: 95, options: { unit, decimals } };
}

/** The reuse ratio as a coloured bar. */
export function reuseColumn(expr: string): Column {
  return {
    title: 'Reuse',
    expr,
    width: 140,
    options: {
      unit: 'percentunit',
      decimals: 1,
      max: 1,
      thresholds: { mode: 'absolute', steps: REUSE_STEPS },
      'custom.cellOptions': { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' },
    },
  };
}

/**
 * Why most connections are opened, as a label: `new_pool`, or `replaced: keep_alive_off`. `opened` needs the labels of both, cause
 * and reason.
 */
export function topCauseColumn(opened: string, by: string): Column {
  const joined = `label_join(${opened} > 0, "top_cause", ": ", "connmeter_open_cause", "connmeter_close_reason")`;
  const named = `label_replace(${joined}, "top_cause", "$1", "top_cause", "(.+): ")`;
  return {
    title: 'Top cause',
    label: 'top_cause',
    width: 260,
    expr: `topk by (${by}) (1, sum by (${by}, top_cause) (${named}))`,
  };
}

/** A label whose cells are links. */
export function linkColumn(title: string, label: string, link: Link): Column {
  return { title, label, options: { links: [link], 'custom.minWidth': 120 } };
}
