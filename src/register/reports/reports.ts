import { atFirstEvent } from '../../core/first-event.ts';
import type { Guard } from '../../core/guard.ts';
import type { Overview } from '../../explain/overview.ts';
import { reportLines } from '../../explain/report-text.ts';
import { FindingsLog, type FindingsLogFormat } from './findings-log.ts';
import { ReportFile } from './report-file.ts';

// Kept, because tests of the program may replace them with fake timers.
const { clearInterval, setInterval } = globalThis;
const now = performance.now.bind(performance);

/** How often findings are looked for, in milliseconds. */
const INTERVAL = 5_000;
/** For the one line of a service, less and less often. */
const MAX_INTERVAL = 300_000;
/** How often the command gets news. Its programs may be short, and a body is held only after it was seen twice. */
const COMMAND_INTERVAL = 500;

export interface ReportsOptions {
  /** What this process and its threads know. */
  readonly overview: () => Promise<Overview>;
  /** The same at the end of the process, when nobody can be asked any more. */
  readonly lastOverview: () => Overview;
  /** Undefined: as it fits stderr. */
  readonly log: FindingsLogFormat | undefined;
  /** Where more can be seen, for the log. */
  readonly where: string;
  /** When the report is printed: at the end, or at this signal. */
  readonly report: 'exit' | NodeJS.Signals | undefined;
  /** A folder of the command `connmeter`, where each process writes what it knows. */
  readonly folder: string | undefined;
  /** Writes lines without waiting until somebody reads them. */
  readonly print: (lines: readonly string[]) => void;
  /** Writes them before it returns. */
  readonly printNow: (lines: readonly string[]) => void;
  readonly guard: Guard;
}

/** The report with our name. */
function headed([headline = '', ...others]: readonly string[]): string[] {
  return [`connmeter: ${headline}`, ...others];
}

/** Not before the first event: it loads a part of Node that not every program loads. */
function isTerminal(): boolean {
  return process.getBuiltinModule('node:tty').isatty(2);
}

/** Tells what was found: in lines on stderr, in a report, or to the command. Begins at the first event that is measured. */
export function startReports(options: ReportsOptions): void {
  const { overview, lastOverview, log, where, report, folder, print, printNow, guard } = options;
  const printReport = guard('print the report', (seen: Overview) => printNow(headed(reportLines(seen))));
  const use = (where: string, use: (seen: Overview) => void) => {
    const failed = guard(where, (error: unknown) => {
      throw error;
    });
    return () => void overview().then(guard(where, use)).catch(failed);
  };
  if (report !== undefined && report !== 'exit') process.on(report, use('print the report', printReport));

  const begin = () => {
    if (report === 'exit')
      process.once(
        'exit',
        guard('print the report', () => printReport(lastOverview())),
      );
    if (folder !== undefined) {
      const file = new ReportFile(folder);
      const write = (seen: Overview) => file.write(seen);
      setInterval(use('write to the command', write), COMMAND_INTERVAL).unref();
      process.once(
        'exit',
        guard('write to the command', () => write(lastOverview())),
      );
    }
    if (log !== 'none') {
      const format = log ?? (isTerminal() ? 'text' : 'once');
      const findings = new FindingsLog(format, where);
      let interval = INTERVAL;
      const look = use('look for findings', seen => {
        print(findings.lines(seen.findings, now()));
        if (format !== 'once') return;

        clearInterval(timer);
        interval = Math.min(interval * 2, MAX_INTERVAL);
        if (!findings.isOver) timer = setInterval(look, interval).unref();
      });
      let timer = setInterval(look, INTERVAL).unref();
    }
  };
  if (report === 'exit' || folder !== undefined || log !== 'none') atFirstEvent(guard, begin);
}
