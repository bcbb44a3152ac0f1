import type { Report } from './reports/report.ts';

/** How the runs of one arm went for a test: of how many runs, how many were bad. */
export interface Tries {
  readonly runs: number;
  readonly bad: number;
}

/**
 * - `passed`, `failed`, `skipped`: alike in every run of both arms;
 * - `broken`: good without connmeter, every time, and bad with it, every time;
 * - `suspect`: good without, every time, and bad with it more than once, but not always;
 * - `any_preload`: broken, but an empty module in connmeter's place breaks it, too;
 * - `cured`: bad without, every time, and good with it, every time;
 * - `flaky`: it varies, and not by arm.
 */
export type Verdict = 'passed' | 'failed' | 'skipped' | 'broken' | 'suspect' | 'any_preload' | 'cured' | 'flaky';

export interface Judged {
  readonly name: string;
  readonly verdict: Verdict;
  readonly plain: Tries;
  readonly measured: Tries;
}

/** What was seen of one arm. */
export type Runs = readonly Report[];

/** Compares the runs of both arms, test by test. A test that another run has is bad where it is missing. */
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

/** Whether more runs could tell more. */
export function isOpen({ verdict, plain, measured }: Judged, runs: number): boolean {
  if (runs < 3) return verdict !== 'passed' && verdict !== 'failed' && verdict !== 'skipped';
  return verdict === 'flaky' && plain.bad === 0 && measured.bad === 1; // once, and only with connmeter: by chance?
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

/** How many tests of this name ran to an end. */
function ran(report: Report, name: string): number {
  const endings = report.get(name);
  return endings === undefined ? 0 : endings.passed + endings.failed;
}

function isBad(report: Report, name: string, most: number): boolean {
  return (report.get(name)?.failed ?? 0) > 0 || ran(report, name) < most;
}
