import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ending, Report } from './reports/report.ts';
import type { SuiteRun } from './run-suite.ts';
import { type Judged, judge } from './verdicts.ts';

/** Subjects of the Node tests that concern connmeter, by the start of their names; `gc` are memory tests. */
export const SUBJECTS = ['http', 'https', 'http2', 'net', 'tls', 'dns', 'diagnostics-channel', 'gc'];

/** The test files of a folder with one of these subjects. */
export function testFiles(folder: string, subjects: readonly string[]): string[] {
  const wanted = new RegExp(`^test-(?:${subjects.join('|')})\\b.*\\.[cm]?js$`);
  return readdirSync(folder)
    .filter(name => wanted.test(name))
    .toSorted();
}

/** The Node arguments in the `// Flags:` comment of a test. */
export function flagsOf(folder: string, name: string): string[] {
  const [, flags = ''] = /^\/\/ ?Flags:(.*)$/m.exec(readFileSync(join(folder, name), 'utf8')) ?? [];
  return flags.split(/\s+/).filter(Boolean);
}

/** The result of a Node test, which skips itself with a line of TAP. */
export function endingOf({ code, timedOut, stdout }: SuiteRun): Ending {
  if (code !== 0 || timedOut) return 'failed';
  return /^1\.\.0 # Skipped/m.test(stdout) ? 'skipped' : 'passed';
}

/** All runs of one file. */
export interface TriedFile {
  readonly name: string;
  readonly plain: readonly SuiteRun[];
  readonly measured: readonly SuiteRun[];
  /** With an empty module in connmeter's place. */
  readonly blank: readonly SuiteRun[];
}

export function verdictOf({ name, plain, measured, blank }: TriedFile): Judged {
  const reports = (runs: readonly SuiteRun[]): Report[] =>
    runs.map(run => new Map([[name, { passed: 0, failed: 0, skipped: 0, [endingOf(run)]: 1 }]]));
  const [judged] = judge(reports(plain), reports(measured), reports(blank));
  if (judged === undefined) throw new Error(`${name} was not run`);
  return judged;
}

/** True if it passed, but took more than one second longer and more than twice as long as any run without connmeter. */
export function isSlower(tried: TriedFile): boolean {
  if (verdictOf(tried).verdict !== 'passed') return false;

  const fastest = Math.min(...tried.measured.map(({ seconds }) => seconds));
  const slowest = Math.max(...tried.plain.map(({ seconds }) => seconds));
  return fastest > 2 * slowest && fastest > slowest + 1;
}
