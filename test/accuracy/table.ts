import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENTS, type ClientName } from './clients.ts';
import type { Internals, Score, Which } from './goals.ts';
import { SCENARIOS } from './scenarios.ts';

/** The result of one play. */
export interface Cell {
  readonly which: Which;
  readonly score: Score;
  readonly problems: readonly string[];
}

const DOCS = join(import.meta.dirname, '../../docs/accuracy.md');

/** A Markdown table: a row per scenario and parallelism, a column per client. */
export function table(cells: readonly Cell[], internals: Internals): string {
  const shown = cells.filter(({ which }) => which.internals === internals);
  const clients = CLIENTS.filter(client => shown.some(({ which }) => which.client === client));
  const rows = Object.keys(SCENARIOS).flatMap(scenario => {
    const parallels = shown.filter(({ which }) => which.scenario === scenario).map(({ which }) => which.parallel);
    return [...new Set(parallels)]
      .sort((a, b) => a - b)
      .map(parallel => [
        `\`${scenario}\``,
        String(parallel),
        ...clients.map(client => textOf(shown, scenario, parallel, client)),
      ]);
  });
  return markdown([['scenario', 'p', ...clients], ...rows]);
}

function textOf(cells: readonly Cell[], scenario: string, parallel: number, client: ClientName): string {
  const cell = cells.find(
    ({ which }) => which.scenario === scenario && which.parallel === parallel && which.client === client,
  );
  if (cell === undefined) return '';
  if (cell.score.total === 0) return 'failed';

  const { right, wrong, unknown, reached } = cell.score;
  const numbers = [right, wrong, unknown].map(percent => Math.round(percent)).join(' / ');
  return `${numbers}${reached ? '' : ' *'}`;
}

function markdown([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map(row => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}

/** Replaces the tables in docs/accuracy.md. */
export function writeDocs(cells: readonly Cell[]): void {
  let text = readFileSync(DOCS, 'utf8');
  for (const internals of ['on', 'off'] as const) {
    if (!cells.some(({ which }) => which.internals === internals)) continue;

    const [begin, end] = [`<!-- internals ${internals}: begin -->\n`, `<!-- internals ${internals}: end -->`];
    const [before = '', rest = ''] = text.split(begin);
    const [, after = ''] = rest.split(end);
    text = `${before}${begin}\n${table(cells, internals)}\n\n${end}${after}`;
  }
  writeFileSync(DOCS, text);
}
