import type { Link } from '../links.ts';
import { THRESHOLDS } from '../thresholds.ts';
import { BAD, GOOD, WATCH } from './colours.ts';
import { type Column, steps } from './panels.ts';

// Columns that more than one table has.

const { good, bad } = THRESHOLDS.reuse;

/** From red to green, as far as reuse goes. Where nothing is known, nothing is bad. */
export const REUSE_STEPS = steps([null, 'text'], [0, BAD], [bad, WATCH], [good, GOOD]);

export function number(title: string, expr: string, unit: string, decimals: number): Column {
  return { title, expr, width: 95, settings: { unit, decimals } };
}

/** A bar in the colour of its value. */
export function reuseColumn(expr: string): Column {
  return {
    title: 'Reuse',
    expr,
    width: 140,
    settings: {
      unit: 'percentunit',
      decimals: 1,
      max: 1,
      thresholds: { mode: 'absolute', steps: REUSE_STEPS },
      'custom.cellOptions': { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' },
    },
  };
}

/** Why most connections were opened, as a label: `new_pool`, or `replaced: keep_alive_off`. `opened` has to be by both labels. */
export function topCause(opened: string, by: string): Column {
  const joined = `label_join(${opened} > 0, "top_cause", ": ", "connmeter_open_cause", "connmeter_close_reason")`;
  const named = `label_replace(${joined}, "top_cause", "$1", "top_cause", "(.+): ")`;
  return {
    title: 'Top cause',
    label: 'top_cause',
    width: 260,
    expr: `topk by (${by}) (1, sum by (${by}, top_cause) (${named}))`,
  };
}

/** A label whose cells lead somewhere. */
export function linked(title: string, label: string, link: Link): Column {
  return { title, label, settings: { links: [link], 'custom.minWidth': 120 } };
}
