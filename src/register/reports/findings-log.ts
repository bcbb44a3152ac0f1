import { originText, printable } from '../../core/origins.ts';
import type { Finding } from '../../explain/overview.ts';

/** How findings are printed. `once`: only one line, at the first finding. */
export type FindingsLogFormat = 'text' | 'json' | 'once' | 'none';

const MAX_PER_HOUR = 10;
const HOUR = 3_600_000;

/** Decides which findings are printed: each once per line of the program, and not too many. */
export class FindingsLog {
  readonly #format: FindingsLogFormat;
  readonly #where: string;
  readonly #printed = new Set<string>();
  /** When the last lines were printed, in milliseconds. */
  #times: number[] = [];

  /** `where`: where more can be seen, for the line of `once`. */
  constructor(format: FindingsLogFormat, where: string) {
    this.#format = format;
    this.#where = where;
  }

  /** Nothing more will be printed. */
  get isOver(): boolean {
    return this.#format === 'once' && this.#printed.size > 0;
  }

  /** The lines to print for these findings now. `now`: in milliseconds. */
  lines(findings: readonly Finding[], now: number): string[] {
    if (this.#format === 'none') return [];

    const lines: string[] = [];
    for (const finding of findings) {
      const key = `${finding.kind} ${originText(finding)} ${finding.sites[0] ?? ''}`;
      if (this.#printed.has(key) || !this.#hasRoom(now)) continue;

      this.#printed.add(key);
      this.#times.push(now);
      lines.push(this.#line(finding));
    }
    return lines;
  }

  #hasRoom(now: number): boolean {
    if (this.#format === 'once') return this.#printed.size === 0;

    this.#times = this.#times.filter(time => now - time < HOUR);
    return this.#times.length < MAX_PER_HOUR;
  }

  #line(finding: Finding): string {
    const { what, sites, fix, link } = finding;
    if (this.#format === 'json') return JSON.stringify({ connmeter: finding });
    if (this.#format === 'once') return printable(`connmeter: ${what} ${this.#where}`);
    return printable(`connmeter: ${what}${sites.length > 0 ? ` At ${sites.join(', ')}.` : ''} Fix: ${fix}. ${link}`);
  }
}
