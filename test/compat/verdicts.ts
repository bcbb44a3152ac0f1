import type { Report } from './reports/report.ts';

/** Number of runs of one variant for a test, and how many failed. */
export interface Tries {
  readonly runs: number;
  readonly bad: number;
}

/**
 * - `passed`, `failed`, `skipped`: the same in every run with and without connmeter;
 * - `broken`: always passes without connmeter, and always fails with it;
 * - `suspect`: always passes without connmeter, and fails with it more than once, but not always;
 * - `any_preload`: like `broken`, but also fails with an empty module instead of connmeter;
 * - `cured`: always fails without connmeter, and always passes with it;
 * - `flaky`: any other variation.
 */
export type Verdict = 'passed' | 'failed' | 'skipped' | 'broken' | 'suspect' | 'any_preload' | 'cured' | 'flaky';

export interface Judged {
  readonly name: string;
  readonly verdict: Verdict;
  readonly plain: Tries;
  readonly measured: Tries;
}

/** The runs of one variant. */
export type Runs = readonly Report[];

/** Compares the runs with and without connmeter, test by test. A test that is missing in a run counts as failed there. */
export function judge(plain: Runs, measured: Runs, blank: Runs): Judged[] {
  const names = [...new Set([...plain, ...measured].flatMap(report => [...report.keys()]))];
  return names.map(name => {
    const most = Math.max(...[...plain, ...measured].map(report => ran(report, name)));
    const tries = (runs: Runs): Tries => ({
      runs: runs.length,
      bad: runs.filter(report => isBad(report, name, most)).length,
    });
    const all = { name, plain: tries(plain), measured: tries(measured) };
    const skippedEverywhere = most === 0;
    return { ...all, verdict: skippedEverywhere ? 'skipped' : verdictOf(all.plain, all.measured, tries(blank)) };
  });
}

/** True if more runs could change the verdict. */
export function isOpen({ verdict, plain, measured }: Judged, runs: number): boolean {
  if (runs < 3) return verdict !== 'passed' && verdict !== 'failed' && verdict !== 'skipped';
  return verdict === 'flaky' && plain.bad === 0 && measured.bad === 1; // one failure, with connmeter: maybe by chance
}

function verdictOf(plain: Tries, measured: Tries, blank: Tries): Verdict {
  const never = (tries: Tries) => tries.bad === 0;
  const always = (tries: Tries) => tries.runs > 0 && tries.bad === tries.runs;
  if (never(plain) && never(measured)) return 'passed';
  if (always(plain) && always(measured)) return 'failed';
  if (always(plain) && never(measured)) return 'cured';
  if (never(plain) && always(measured)) return always(blank) ? 'any_preload' : 'broken';
  return never(plain) && never(blank) && measured.bad > 1 ? 'suspect' : 'flaky';
}

/** Number of tests with this name that finished. */
function ran(report: Report, name: string): number {
  const endings = report.get(name);
  return endings === undefined ? 0 : endings.passed + endings.failed;
}

function isBad(report: Report, name: string, most: number): boolean {
  return (report.get(name)?.failed ?? 0) > 0 || ran(report, name) < most;
}
