import type { OriginInterval } from '../explain/interval.ts';
import { tableLines } from '../explain/table.ts';

/** What the width of a terminal is taken for if it is not known. */
const USUAL_WIDTH = 100;
const COLOURS: Readonly<Record<OriginInterval['state'], string>> = {
  failing: '33',
  wasteful: '31',
  good: '32',
  idle: '2',
};

type Stream = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows'>;

/** Whether texts for the stream may have colours: https://no-color.org */
export function hasColours({ isTTY }: Stream, plain: boolean, env: NodeJS.ProcessEnv = process.env): boolean {
  return isTTY === true && !plain && !env['NO_COLOR'];
}

/** The table as it fits the stream. */
export function screenTable(
  rows: readonly OriginInterval[],
  stream: Stream,
  colours: boolean,
  { most = Infinity, areTotals = false }: { readonly most?: number; readonly areTotals?: boolean } = {},
): string[] {
  const shown = rows.slice(0, most);
  const [heading = '', ...lines] = tableLines(shown, stream.columns ?? USUAL_WIDTH, areTotals);
  const left = rows.length - shown.length;
  return [
    coloured(heading, '1', colours),
    ...lines.map((line, index) => coloured(line, COLOURS[shown[index]?.state ?? 'idle'], colours)),
    ...(left > 0 ? [`and ${left} more`] : []),
  ];
}

function coloured(text: string, colour: string, colours: boolean): string {
  return colours ? `\x1b[${colour}m${text}\x1b[0m` : text;
}
