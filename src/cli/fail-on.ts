import { totalOf } from '../explain/merge.ts';
import type { Overview } from '../explain/overview.ts';

/** What a condition can look at. Undefined if there is nothing to look at, such as the reuse of no requests. */
const QUANTITIES: Readonly<Record<string, (overview: Overview) => number | undefined>> = {
  reuse: ({ origins }) => {
    const reused = sum(origins, ({ requests }) => requests.reused);
    const all = reused + sum(origins, ({ requests }) => requests.fresh);
    return all === 0 ? undefined : reused / all;
  },
  opened: ({ origins }) => sum(origins, ({ opened }) => totalOf(opened)),
  failed: ({ origins }) => sum(origins, ({ failed }) => totalOf(failed)),
  held: ({ origins }) => sum(origins, ({ now }) => now.held),
  waiting: ({ origins }) => sum(origins, ({ waiting }) => waiting),
  wasted: ({ findings }) => sum(findings, ({ seconds }) => seconds),
  findings: ({ findings }) => findings.length,
};

const COMPARE: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
};

/** A condition under which a run fails, such as `reuse<0.9`. */
export interface Condition {
  readonly text: string;
  readonly quantity: string;
  readonly sign: string;
  readonly limit: number;
}

export function parseConditions(list: string | undefined): { conditions: Condition[] } | { why: string } {
  const names = Object.keys(QUANTITIES).join(', ');
  const conditions: Condition[] = [];
  for (const text of (list ?? '').split(',').map(each => each.trim())) {
    const [, quantity = '', sign = '', limit = ''] = /^(\w+)\s*([<>])\s*(\d+(?:\.\d+)?)$/.exec(text) ?? [];
    if (!Object.hasOwn(QUANTITIES, quantity))
      return { why: `--fail-on: expected conditions such as reuse<0.9, of ${names}, got ${JSON.stringify(text)}` };
    conditions.push({ text, quantity, sign, limit: Number(limit) });
  }
  return { conditions };
}

/** The conditions that are true, each with the value that makes it so. */
export function failures(conditions: readonly Condition[], overview: Overview): string[] {
  return conditions.flatMap(({ text, quantity, sign, limit }) => {
    const value = QUANTITIES[quantity]?.(overview);
    if (value === undefined || COMPARE[sign]?.(value, limit) !== true) return [];
    return [`${text}: it is ${Number(value.toPrecision(3))}`];
  });
}

function sum<Item>(items: readonly Item[], numberOf: (item: Item) => number): number {
  return items.reduce((total, item) => total + numberOf(item), 0);
}
