import { WHOLE_COMMAND } from './reports/read-results.ts';
import type { SuiteRun } from './run-suite.ts';
import type { Judged, Verdict } from './verdicts.ts';
import type { WatcherLog } from './watcher-log.ts';

/** The results of a comparison. */
export interface Found {
  readonly how: string;
  readonly tests: readonly Judged[];
  readonly plain: readonly SuiteRun[];
  readonly measured: readonly SuiteRun[];
  /** Lines on stderr that only runs with connmeter have. */
  readonly warnings: readonly string[];
  /** Tests that pass without connmeter, and fail during constant collections. */
  readonly worseWatched: readonly string[];
  readonly watched: WatcherLog | undefined;
}

const MOST_NAMES = 50;
const HEADINGS: readonly (readonly [Verdict, string])[] = [
  ['broken', 'fail only with connmeter'],
  ['suspect', 'fail only with connmeter, but not always'],
  ['any_preload', 'fail with connmeter, and with any other --import'],
  ['cured', 'fail only without connmeter'],
  ['flaky', 'flaky: fail sometimes, whether or not connmeter is loaded'],
];

/** 0: nothing is worse with connmeter. 1: something is worse. 2: connmeter measured nothing. */
export function exitCode(found: Found): 0 | 1 | 2 {
  const { tests, watched, worseWatched, warnings } = found;
  const isWorse = tests.some(({ verdict }) => verdict === 'broken' || verdict === 'suspect');
  if (isWorse || worseWatched.length > 0 || (watched?.faults.length ?? 0) > 0) return 1;
  if (warnings.some(line => !line.startsWith('connmeter: '))) return 1;
  return watched !== undefined && watched.opened === 0 ? 2 : 0;
}

/** The final table, and the names of tests that differ. */
export function summary(found: Found): string {
  const { how, tests, plain, measured, warnings, worseWatched, watched } = found;
  const count = (verdict: Verdict) =>
    tests.filter(test => test.verdict === verdict && test.name !== WHOLE_COMMAND).length;
  const differ = tests.filter(({ verdict }) =>
    HEADINGS.some(([name]) => name === verdict && verdict !== 'flaky'),
  ).length;
  const lines = [
    '',
    `Results were read from ${how}. Runs: ${plain.length} without connmeter, ${measured.length} with it.`,
    '',
    row('passed both', count('passed')),
    row('failed both', count('failed')),
    row('skipped both', count('skipped')),
    row('differ', differ),
    row('flaky', count('flaky')),
    '',
    `Without connmeter: ended with ${ends(plain)}, took ${time(plain)}.`,
    `With connmeter: ended with ${ends(measured)}, took ${time(measured)}.`,
  ];
  const left = [...plain, ...measured].reduce((sum, run) => sum + run.leftRunning, 0);
  if (left > 0) lines.push(`The suite left ${left} processes running; they were killed.`);

  for (const [verdict, heading] of HEADINGS) {
    const names = tests.filter(test => test.verdict === verdict);
    const tries = ({ name, plain, measured }: Judged) =>
      `${name}  [failed ${plain.bad}/${plain.runs} without, ${measured.bad}/${measured.runs} with]`;
    lines.push(...list(heading, names.map(tries)));
  }
  lines.push(...list('fail only while connmeter is collected from', worseWatched));
  lines.push(...list('printed to stderr only with connmeter', warnings));
  lines.push(
    ...list(
      'fail without connmeter too',
      tests.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name),
    ),
  );
  if (watched !== undefined) lines.push(...seen(watched));
  return lines.join('\n');
}

function seen({ processes, opened, requests, collections, faults, programs }: WatcherLog): string[] {
  const names = programs.slice(0, 5).map(([name, times]) => (times > 1 ? `${name} (${times})` : name));
  return [
    '',
    `Watched run: connmeter was loaded in ${processes} processes, saw ${opened} connections and ${requests} requests, and was collected from ${collections} times.`,
    `They ran ${names.join(', ') || 'nothing'}${programs.length > 5 ? ` and ${programs.length - 5} more` : ''}.`,
    ...(opened > 0
      ? []
      : [
          'NOTHING WAS MEASURED, so this run proves nothing. Does the suite set NODE_OPTIONS itself, or open no connection?',
        ]),
    ...list('errors inside connmeter', faults),
  ];
}

function list(heading: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];

  const more = names.length > MOST_NAMES ? [`  … and ${names.length - MOST_NAMES} more`] : [];
  return ['', `${heading} (${names.length}):`, ...names.slice(0, MOST_NAMES).map(name => `  ${name}`), ...more];
}

function row(name: string, count: number): string {
  return `  ${name.padEnd(14)}${String(count).padStart(6)}`;
}

function ends(runs: readonly SuiteRun[]): string {
  return [...new Set(runs.map(({ code, signal, timedOut }) => (timedOut ? 'a timeout' : `${signal ?? code}`)))].join(
    ' or ',
  );
}

function time(runs: readonly SuiteRun[]): string {
  return runs.map(({ seconds }) => `${seconds.toFixed(0)} s`).join(', ');
}
