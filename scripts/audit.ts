// Asks npm for known vulnerabilities in what users install with connmeter: `node scripts/audit.ts`. It fails if there are any. Some
// registries, such as mirrors, have no advisories: then it prints that, and fails only with `--strict`.
import { execFile } from 'node:child_process';
import { join } from 'node:path';

/** The output of `npm audit --json`: a report, or the reason why there is none. */
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

/** Interprets the output. Only a refusal by the registry counts as not asked: a broken lockfile is a failure. */
export function verdictOf(answer: string): Verdict {
  let report: Report;
  try {
    report = JSON.parse(answer) as Report;
  } catch {
    return { kind: 'failed', line: 'npm audit printed no report' };
  }
  const total = report.metadata?.vulnerabilities?.total;
  if (total === 0) return { kind: 'clean', line: 'No known vulnerabilities in what users install.' };
  if (total !== undefined) {
    const each = Object.entries(report.vulnerabilities ?? {}).map(([name, { severity }]) => `${name} (${severity})`);
    return { kind: 'found', line: `Known vulnerabilities: ${each.join(', ')}. See npm audit --omit=dev` };
  }
  if ((report.statusCode ?? 0) >= 400) {
    return { kind: 'not asked', line: `NOT AUDITED: the registry has no advisories (${report.message})` };
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
