import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** A line that `watcher.mjs` writes about one process. */
interface Line {
  readonly pid: number;
  readonly program: string;
  readonly opened: number;
  readonly requests: number;
  readonly collections: number;
  readonly faults: readonly string[];
}

/** What connmeter measured in a watched run: if it is nothing, passing tests prove nothing. */
export interface WatcherLog {
  readonly processes: number;
  readonly opened: number;
  readonly requests: number;
  readonly collections: number;
  /** Distinct faults of connmeter. */
  readonly faults: readonly string[];
  /** Programs of the processes, most frequent first. */
  readonly programs: readonly (readonly [program: string, processes: number])[];
}

export function readWatcherLog(log: string): WatcherLog {
  const last = new Map<number, Line>();
  for (const text of textOf(log).split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text) as Line;
    last.set(line.pid, line);
  }
  const lines = [...last.values()];
  const sum = (what: 'opened' | 'requests' | 'collections') => lines.reduce((total, line) => total + line[what], 0);
  const programs = new Map<string, number>();
  for (const { program } of lines) programs.set(basename(program), (programs.get(basename(program)) ?? 0) + 1);
  return {
    processes: lines.length,
    opened: sum('opened'),
    requests: sum('requests'),
    collections: sum('collections'),
    faults: [...new Set(lines.flatMap(({ faults, program }) => faults.map(fault => `${basename(program)}: ${fault}`)))],
    programs: [...programs].toSorted((a, b) => b[1] - a[1]),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // no process has written the log
  }
}
