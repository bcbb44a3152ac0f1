import { intervalsOf, type OriginInterval } from '../explain/interval.ts';
import type { Overview } from '../explain/overview.ts';
import { reportLines } from '../explain/report-text.ts';
import type { Target, TopCommand } from './arguments.ts';
import { attach } from './attach.ts';
import { readFromPort } from './read-from-port.ts';
import { hasColours, screenTable } from './screen.ts';
import { visit } from './visit.ts';

const { setTimeout: sleep } = process.getBuiltinModule('node:timers/promises');

/** How often a running program is asked, in milliseconds. */
const INTERVAL = 2_000;
/** Lines that are kept free below the table. */
const BELOW = 14;
const NOT_REACHED = 1;

/** Where the overviews of a program come from. */
export interface Source {
  readonly read: () => Promise<Overview>;
  /** What is not known, in one line. */
  readonly note?: string;
  readonly close?: () => Promise<void>;
}

/** Shows the connections of a program that runs, until it ends or the user does. Returns the exit code. */
export async function top({ target, once, json, plain }: TopCommand): Promise<number> {
  const source = await sourceOf(target);
  if ('why' in source) return fail(source.why);

  let isOver = false;
  const stop = new AbortController();
  const end = () => {
    isOver = true;
    stop.abort();
  };
  process.once('SIGINT', end).once('SIGTERM', end);
  let before: Overview | undefined;
  try {
    while (!isOver) {
      const overview = await source.read();
      if (json) {
        process.stdout.write(`${JSON.stringify(overview)}\n`);
      } else {
        show(before, overview, source.note, plain);
      }
      if (once || json) break;

      before = overview;
      await sleep(INTERVAL, undefined, { signal: stop.signal }).catch(() => {});
    }
    return 0;
  } catch (error) {
    return fail(`the program cannot be read${before === undefined ? '' : ' any more'}: ${(error as Error).message}`);
  } finally {
    await source.close?.();
  }
}

async function sourceOf(target: Target): Promise<Source | { why: string }> {
  if (target.kind === 'url') return { read: () => readFromPort(target) };
  const read = await visit(target.kind === 'process' ? target.pid : undefined);
  if (read !== undefined) return { read };
  if (target.kind === 'process') return attach(target.pid);
  return { why: 'no program of this user runs with connmeter on this machine: give host:port or a process id' };
}

function show(before: Overview | undefined, overview: Overview, note: string | undefined, plain: boolean): void {
  const { stdout } = process;
  const seconds = before === undefined ? 1 : (overview.at - before.at) / 1_000;
  const rows: OriginInterval[] = intervalsOf(before, overview, Math.max(seconds, 0.001));
  const isScreen = stdout.isTTY === true && !plain;
  const most = isScreen ? Math.max(3, (stdout.rows ?? 40) - BELOW) : Infinity;
  const lines = [
    `${overview.processes} process${overview.processes === 1 ? '' : 'es'}. ${
      before === undefined ? 'Totals since the start' : `The last ${seconds.toFixed(0)} s, per second`
    }.${note === undefined ? '' : ` ${note}`}`,
    ...screenTable(rows, stdout, hasColours(stdout, plain), { most, areTotals: before === undefined }),
    '',
    ...reportLines(overview),
  ];
  const text = isScreen ? lines.slice(0, (stdout.rows ?? 40) - 1) : [...lines, ''];
  // On a terminal: to the top, and clear what is below. Without wrapping, each line is one row.
  stdout.write(isScreen ? `\x1b[?7l\x1b[H\x1b[J${text.join('\n')}\n\x1b[?7h` : `${text.join('\n')}\n`);
}

function fail(why: string): number {
  console.error(`connmeter: ${why}`);
  return NOT_REACHED;
}
