// Asks npm whether what users install with connmeter has known faults: `node scripts/audit.ts`. Findings fail. A registry
// that keeps no advisories, as mirrors do, cannot be asked: that is said aloud, and fails with `--strict` only.
import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** What `npm audit --json` answers: a report, or why there is none. */
interface Report {
  readonly metadata?: { readonly vulnerabilities?: { readonly total?: number } };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity?: string }>>;
  readonly statusCode?: number;
  readonly message?: string;
  readonly error?: { readonly summary?: string };
}

export interface Verdict {
  readonly kind: 'clean' | 'found' | 'not asked' | 'failed';
  readonly line: string;
}

/** What to make of an answer. Only a registry's own refusal counts as not asked: a broken lockfile is a failure. */
export function verdictOf(answer: string): Verdict {
  let report: Report;
  try {
    report = JSON.parse(answer) as Report;
  } catch {
    return { kind: 'failed', line: 'npm audit gave no report' };
  }
  const total = report.metadata?.vulnerabilities?.total;
  if (total === 0) return { kind: 'clean', line: 'No known faults in what users install.' };
  if (total !== undefined) {
    const each = Object.entries(report.vulnerabilities ?? {}).map(([name, { severity }]) => `${name} (${severity})`);
    return { kind: 'found', line: `Known faults: ${each.join(', ')}. See npm audit --omit=dev` };
  }
  if ((report.statusCode ?? 0) >= 400) {
    return { kind: 'not asked', line: `NOT AUDITED: the registry keeps no advisories (${report.message})` };
  }
  return { kind: 'failed', line: `npm audit failed: ${report.error?.summary || report.message || answer}` };
}

if (import.meta.main) {
  const strict = process.argv.includes('--strict');
  const cwd = join(import.meta.dirname, '..');
  execFile('npm', ['audit', '--omit=dev', '--json'], { cwd }, (_findings, stdout) => {
    const { kind, line } = verdictOf(stdout);
    console.log(line);
    process.exitCode = kind === 'clean' || (kind === 'not asked' && !strict) ? 0 : 1;
  });
}
