import { stringify } from 'yaml';
import { alertingRules } from './alerts.ts';
import { CLOCK, type Clock, written } from './clock.ts';
import type { Spelling } from './names.ts';
import { recordingRules } from './recording.ts';

const HEAD = `# Made by \`npm run dashboards\` from dashboards/source: change it there.
# Durations are in clock.ts, thresholds in thresholds.ts. What each alert means and wants: docs/runbooks.
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
