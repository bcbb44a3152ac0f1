import { printable } from '../core/origins.ts';
import type { OriginInterval } from './interval.ts';
import { duration } from './report-text.ts';

interface Column {
  readonly heading: string;
  readonly isText?: boolean;
  readonly cell: (row: OriginInterval) => string;
  /** What is shown of it since the start. Default: the same. */
  readonly total?: (row: OriginInterval) => string;
}

/** The most important first: those at the end are left out where the terminal is narrow. */
const COLUMNS: readonly Column[] = [
  { heading: 'server', isText: true, cell: ({ name }) => name },
  { heading: 'verdict', isText: true, cell: ({ verdict }) => verdict },
  { heading: 'new/s', cell: ({ opened }) => rate(opened), total: ({ opened }) => `${opened}` },
  { heading: 'req/s', cell: ({ requests }) => rate(requests), total: ({ requests }) => `${requests}` },
  { heading: 'reuse', cell: ({ reuse }) => (reuse === undefined ? '-' : `${Math.floor(reuse * 100)} %`) },
  {
    heading: 'fail/s',
    cell: ({ failed }) => (failed === 0 ? '-' : rate(failed)),
    total: ({ failed }) => some(failed),
  },
  { heading: 'held', cell: ({ origin }) => some(origin.now.held) },
  { heading: 'waiting', cell: ({ origin }) => some(origin.waiting) },
  { heading: 'set-up', cell: ({ origin }) => (origin.setup === 0 ? '-' : duration(origin.setup)) },
  { heading: 'active', cell: ({ origin }) => `${origin.now.active}` },
  { heading: 'idle', cell: ({ origin }) => `${origin.now.idle}` },
  { heading: 'opening', cell: ({ origin }) => some(origin.now.opening) },
];

const GAP = '  ';
/** A name is cut before a column of numbers is left out. */
const LONGEST_NAME = 40;

/**
 * A table of at most `width` characters per line: the heading, and a line for each row. `areTotals`: the rows are of all the time since the
 * start, in one second.
 */
export function tableLines(rows: readonly OriginInterval[], width: number, areTotals = false): string[] {
  const cells = rows.map(row => COLUMNS.map(({ cell, total = cell }) => printable(areTotals ? total(row) : cell(row))));
  const headings = COLUMNS.map(({ heading, total }) => (areTotals && total ? heading.replace('/s', '') : heading));
  const widths = headings.map((heading, column) => {
    const widest = Math.max(heading.length, ...cells.map(row => row[column]?.length ?? 0));
    return column === 0 ? Math.min(widest, LONGEST_NAME) : widest;
  });
  const shown = columnsThatFit(widths, width);
  const line = (texts: readonly string[]) =>
    COLUMNS.slice(0, shown)
      .map(({ isText }, column) => {
        const text = shortened(texts[column] ?? '', widths[column] ?? 0);
        return isText ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
      })
      .join(GAP)
      .trimEnd()
      .slice(0, width);
  return [line(headings), ...cells.map(line)];
}

/** At least the first two. */
function columnsThatFit(widths: readonly number[], width: number): number {
  let used = -GAP.length;
  for (const [column, each] of widths.entries()) {
    used += GAP.length + each;
    if (used > width && column >= 2) return column;
  }
  return widths.length;
}

/** The end of a name says more than its middle. */
function shortened(text: string, width: number): string {
  if (text.length <= width) return text;
  const kept = width - 1;
  return `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(text.length - Math.floor(kept / 2))}`;
}

function rate(perSecond: number): string {
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(1);
}

function some(number: number): string {
  return number === 0 ? '-' : `${number}`;
}
