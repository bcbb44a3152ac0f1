import { readJestJson, readJunit } from './files.ts';
import { type Report, Results, withoutColours } from './report.ts';
import { isTap, readTap } from './tap.ts';
import { readTicks } from './ticks.ts';

/** The name of the command's own result in a report. */
export const WHOLE_COMMAND = '(the command itself)';

export interface ReadResults {
  readonly report: Report;
  /** The report formats that were found, for the summary. */
  readonly how: string;
  /** Number of tests found. */
  readonly tests: number;
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  /** Content of the report file, if the runner wrote one. */
  readonly file: string | undefined;
  /** True if the command exited by itself with code 0. */
  readonly ok: boolean;
}

/** Detects the report format and reads the results. The result of the command itself is always included. */
export function readResults(output: Output, folder: string): ReadResults {
  const results = new Results();
  const how: string[] = [];
  const take = (name: string, report: Report) => {
    if (report.size === 0) return;
    results.addAll(report);
    how.push(name);
  };

  if (output.file !== undefined) {
    const file = output.file.trimStart();
    if (file.startsWith('{')) take('a JSON report', readJestJson(file, folder));
    else if (file.startsWith('<')) take('a JUnit report', readJunit(file));
    else take('a TAP report', readTap(file));
  }
  if (how.length === 0) {
    for (const stream of [output.stdout, output.stderr]) {
      const text = withoutColours(stream);
      if (isTap(text)) take('TAP', readTap(text));
      take('ticks and crosses', readTicks(text));
    }
  }
  const tests = results.report.size;
  results.add(WHOLE_COMMAND, output.ok ? 'passed' : 'failed');
  return { report: results.report, how: [...new Set(how)].join(' and ') || 'the exit code only', tests };
}
