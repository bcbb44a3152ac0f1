/** The result of a test. */
export type Ending = 'passed' | 'failed' | 'skipped';

/** Number of each result under one name: names are not unique, and the order of files may differ between runs. */
export type Endings = Readonly<Record<Ending, number>>;

/** The test results of one run of a suite. */
export type Report = ReadonlyMap<string, Endings>;

/** Separates the name of a test from the name of its parent. */
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

/** Number of tests in a report with this result. */
export function total(report: Report, ending: Ending): number {
  return [...report.values()].reduce((sum, endings) => sum + endings[ending], 0);
}

/** Removes terminal colours. */
export function withoutColours(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal codes contain control characters
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replace(/\r(?=\n)/g, '');
}

/** Replaces the parts of a name that differ between runs: ports, process IDs, temporary folders. */
function withoutVaryingParts(name: string): string {
  return name
    .replace(/\b\d{5,}\b/g, 'N')
    .replace(/\/tmp\/[\w.-]+/g, '/tmp/…')
    .trim();
}
