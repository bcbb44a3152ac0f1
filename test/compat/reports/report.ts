/** How a test ended. `missing` is not said by any runner: it is what we call a test that another run has and this one lacks. */
export type Ending = 'passed' | 'failed' | 'skipped';

/** How often each ending was met under one name: names are not unique, and the order of files may differ from run to run. */
export type Endings = Readonly<Record<Ending, number>>;

/** What one run of a suite said of its tests. */
export type Report = ReadonlyMap<string, Endings>;

/** Between the names of a test and of what it is part of. */
export const SEPARATOR = ' › ';

/** Collects single results into a report. */
export class Results {
  readonly #endings = new Map<string, Record<Ending, number>>();

  add(name: string, ending: Ending): void {
    const key = withoutVaryingParts(name);
    let endings = this.#endings.get(key);
    if (endings === undefined) {
      endings = { passed: 0, failed: 0, skipped: 0 };
      this.#endings.set(key, endings);
    }
    endings[ending]++;
  }

  addAll(report: Report): void {
    for (const [name, endings] of report) {
      for (const ending of ['passed', 'failed', 'skipped'] as const) {
        for (let i = 0; i < endings[ending]; i++) this.add(name, ending);
      }
    }
  }

  get report(): Report {
    return this.#endings;
  }
}

/** How many tests a report has with this ending. */
export function total(report: Report, ending: Ending): number {
  return [...report.values()].reduce((sum, endings) => sum + endings[ending], 0);
}

/** Without the colours of a terminal. */
export function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal's codes are made of
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replace(/\r(?=\n)/g, '');
}

/** A name without what is another in each run: ports, process ids, temporary folders. */
function withoutVaryingParts(name: string): string {
  return name
    .replace(/\b\d{5,}\b/g, 'N')
    .replace(/\/tmp\/[\w.-]+/g, '/tmp/…')
    .trim();
}
