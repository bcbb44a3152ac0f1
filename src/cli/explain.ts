import { OPEN_CAUSES } from '../core/causes.ts';
import { CLOSE_REASONS } from '../core/reasons.ts';
import { explanationOf, type FindingKind } from '../explain/explanations.ts';

export const CAUSES_AND_REASONS = [...OPEN_CAUSES.filter(cause => cause !== 'replaced'), ...CLOSE_REASONS];
const FAILURES = ['failed_dns', 'failed_connect', 'failed_tls', 'failed_proxy'] as const;
const NAMES: ReadonlySet<string> = new Set([...CAUSES_AND_REASONS, ...FAILURES]);
const RUNBOOKS = 'https://github.com/connmeter/connmeter/blob/main/docs/runbooks';

/** Prints what a cause, a reason or an alert means. Returns the exit code. */
export function explain(topic: string): number {
  if (NAMES.has(topic)) {
    const { what, fix, link } = explanationOf(topic as FindingKind);
    console.log(`${topic}: connections that ${what}.\n\nFix: ${fix}.\n\n${link}`);
    return 0;
  }
  if (/^Connmeter[A-Z]\w+$/.test(topic)) {
    console.log(`${topic} is an alert. Its runbook:\n\n${RUNBOOKS}/${topic}.md`);
    return 0;
  }
  console.error(
    `connmeter: nothing is known of ${JSON.stringify(topic)}: expected one of ${[...NAMES].join(', ')}, or an alert`,
  );
  return 2;
}
