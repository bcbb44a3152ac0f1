import { explanationOf } from './explanations.ts';
import type { Interval, Row } from './interval.ts';

type Verdict = 'healthy' | 'wasteful' | 'failing' | 'idle';

function verdictOf({ requests, reuse, failures }: Row): Verdict {
  if (failures.size > 0) return 'failing';
  if (requests === 0 || reuse === undefined) return 'idle';
  return reuse < 0.9 ? 'wasteful' : 'healthy';
}

const COLOURS: Readonly<Record<Verdict, string>> = { healthy: '32', wasteful: '31', failing: '33', idle: '2' };

/** The last column: the cause and its fix, the failures, or the verdict itself. */
function explanationOfRow(row: Row): string {
  const verdict = verdictOf(row);
  if (verdict === 'wasteful' && row.topCause !== undefined) return explanationOf(row.topCause);
  if (verdict === 'failing')
    return Array.from(row.failures, ([failure, rate]) => `${rate.toFixed(1)}/s fail: ${failure}`).join(', ');
  return verdict;
}

const HEADINGS = ['caller', 'origin', 'requests/s', 'reuse', 'new conn/s', 'connect ms', 'TLS ms', 'verdict'];
const NUMBERS = new Set([2, 3, 4, 5, 6]);

/** The table as lines of text, with the findings below it. `callers` has the name of each origin, and the order of rows. */
export function linesOf(
  { rows, lookups }: Interval,
  callers: ReadonlyMap<string, string>,
  findings: readonly string[],
  colours: boolean,
): string[] {
  const order = [...callers.keys()];
  const sorted = rows.toSorted((a, b) => order.indexOf(a.origin) - order.indexOf(b.origin));
  const cells = sorted.map(row => [
    callers.get(row.origin) ?? '',
    row.origin,
    row.requests.toFixed(1),
    row.reuse === undefined ? '-' : `${Math.floor(row.reuse * 100)} %`,
    row.opened.toFixed(1),
    milliseconds(row.connect),
    milliseconds(row.tls),
    explanationOfRow(row),
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...cells.map(row => row[column]?.length ?? 0)),
  );
  const aligned = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        NUMBERS.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();

  const names = Array.from(lookups, ([name, rate]) => `${name} ${rate.toFixed(1)}`);
  return [
    coloured(aligned(HEADINGS), '1', colours),
    ...sorted.map((row, index) => coloured(aligned(cells[index] ?? []), COLOURS[verdictOf(row)], colours)),
    `DNS lookups/s, by name: ${names.join(', ') || 'none'}`,
    'Causes and fixes: docs/causes.md',
    ...(findings.length > 0
      ? ['', 'Wasted connections since the start:', ...findings.map(finding => `  ${finding}`)]
      : []),
  ];
}

function milliseconds(seconds: number | undefined): string {
  return seconds === undefined ? '-' : (seconds * 1000).toFixed(1);
}

function coloured(text: string, colour: string, colours: boolean): string {
  return colours ? `\x1b[${colour}m${text}\x1b[0m` : text;
}
