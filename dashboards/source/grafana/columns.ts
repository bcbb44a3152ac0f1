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
  return { title, expr, width: 85, options: { unit, decimals } };
}

/** The reuse ratio, in the colour of its threshold. */
export function reuseColumn(expr: string): Column {
  return {
    title: 'Reuse',
    expr,
    width: 80,
    options: {
      unit: 'percentunit',
      decimals: 1,
      thresholds: { mode: 'absolute', steps: REUSE_STEPS },
      'custom.cellOptions': { type: 'color-text' },
    },
  };
}

/** A label whose cells are links. */
export function linkColumn(title: string, label: string, link: Link): Column {
  return { title, label, options: { links: [link], 'custom.minWidth': 150 } };
}
