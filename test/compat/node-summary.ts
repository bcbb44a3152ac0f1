import { endingOf, isSlower, type TriedFile, verdictOf } from './node-test-files.ts';
import type { SuiteRun } from './run-suite.ts';
import type { Verdict } from './verdicts.ts';

/** All results for one version of Node. */
export interface NodeResults {
  readonly version: string;
  readonly tried: readonly TriedFile[];
}

const LAST_LINES = 20;

/** The files that fail or take longer with connmeter. */
export function worseIn({ tried }: NodeResults): TriedFile[] {
  return tried.filter(one => ['broken', 'suspect'].includes(verdictOf(one).verdict) || isSlower(one));
}

/** The table, followed by the files with different results and their last lines of output. */
export function nodeSummary(told: NodeResults): string {
  const { version, tried } = told;
  const of = (...verdicts: Verdict[]) => tried.filter(one => verdicts.includes(verdictOf(one).verdict));
  const worse = of('broken', 'suspect');
  const slower = tried.filter(isSlower);
  const columns: readonly (readonly [string, readonly TriedFile[]])[] = [
    ['passed both', of('passed')],
    ['failed both', of('failed')],
    ['skipped both', of('skipped')],
    ['worse', worse],
    ['slower', slower],
    ['better', of('cured')],
    ['with any --import', of('any_preload')],
    ['flaky', of('flaky')],
  ];
  const lines = [
    '',
    `| Node | files | ${columns.map(([name]) => name).join(' | ')} |`,
    `|---|---|${columns.map(() => '---|').join('')}`,
    `| ${version} | ${tried.length} | ${columns.map(([, { length }]) => length).join(' | ')} |`,
  ];
  for (const [name, found] of columns.slice(3)) {
    if (found.length > 0) lines.push('', `${name} (${found.length}):`, ...found.map(one => `  ${line(one)}`));
  }
  for (const one of worse) lines.push('', `${one.name} with connmeter, last lines:`, ...lastLines(one.measured));
  return lines.join('\n');
}

function line({ name, plain, measured }: TriedFile): string {
  const bad = (runs: readonly SuiteRun[]) => `${runs.filter(run => endingOf(run) === 'failed').length}/${runs.length}`;
  const time = (runs: readonly SuiteRun[]) => `${Math.min(...runs.map(({ seconds }) => seconds)).toFixed(1)} s`;
  return `${name}  [failed ${bad(plain)} in ${time(plain)} without, ${bad(measured)} in ${time(measured)} with]`;
}

function lastLines(runs: readonly SuiteRun[]): string[] {
  const bad = runs.find(run => endingOf(run) === 'failed') ?? runs[0];
  if (bad === undefined) return [];
  const said = (bad.stdout + bad.stderr).trimEnd().split('\n').slice(-LAST_LINES);
  return [...said, bad.timedOut ? '(timed out)' : `(ended with ${bad.signal ?? bad.code})`].map(text => `  ${text}`);
}
