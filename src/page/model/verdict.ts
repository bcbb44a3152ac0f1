import type { Finding, OriginOverview } from '../../explain/overview.ts';
import { count } from './format.ts';
import type { Recent } from './rates.ts';
import { totalsOf } from './rates.ts';
import { isFailure, kindWords } from './words.ts';

/** `bad`: it wastes connections or cannot be connected to. `watch`: worth a look. */
export type Severity = 'bad' | 'watch' | 'good' | 'unused';

export interface Verdict {
  readonly severity: Severity;
  readonly text: string;
}

/** What to think of the connections to one server. `findings`: of this server, the worst first. */
export function verdictOf(origin: OriginOverview, findings: readonly Finding[], recent: Recent | undefined): Verdict {
  const failing = findings.find(({ kind }) => isFailure(kind));
  const worst = recent !== undefined && recent.failed > 0 && failing !== undefined ? failing : findings[0];
  if (worst !== undefined) {
    const others = findings.length - 1;
    return { severity: 'bad', text: `${kindWords(worst.kind)}${others > 0 ? `, and ${others} more` : ''}` };
  }
  if (origin.now.held > 0) return { severity: 'watch', text: `unread bodies hold ${count(origin.now.held)}` };
  if (recent !== undefined && recent.failed > 0) return { severity: 'watch', text: 'some attempts fail' };
  if (origin.waiting > 0) return { severity: 'watch', text: 'requests wait' };

  const { opened, failed } = totalsOf(origin);
  if (opened > 0) return { severity: 'good', text: 'good' };
  return failed > 0
    ? { severity: 'watch', text: 'never connected' }
    : { severity: 'unused', text: 'no connections yet' };
}
