import { stringify } from 'yaml';
import { CLOCK, type Clock, written } from '../durations.ts';
import type { Spelling } from '../metric-names.ts';
import { alertingRules } from './alerts.ts';
import { recordingRules } from './recording-rules.ts';

const HEAD = `# Made by \`npm run dashboards\` from dashboards/source: change it there.
# Durations are in durations.ts, thresholds in thresholds.ts. What each alert means and wants: docs/runbooks.
`;

/** A rule file for Prometheus 2.42 and later: what to record, and when to alert. `clock`: another one for tests. */
export function rulesFile(spelling: Spelling, clock: Clock = CLOCK): string {
  const interval = written(clock.interval);
  const groups = [
    { name: 'connmeter.recording', interval, rules: recordingRules(spelling, clock) },
    { name: 'connmeter.alerts', interval, rules: alertingRules(spelling, clock) },
  ];
  return HEAD + stringify({ groups }, { lineWidth: 0 });
}
