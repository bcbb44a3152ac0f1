import type { Alert, AlertName } from './alerts/alert.ts';
import { ALERTS } from './alerts.ts';
import { LEVELS, type Level } from './recorded-series.ts';

/** A rule of Alertmanager: the sources mute the targets that have the same values in `equal`. */
export interface InhibitRule {
  readonly sources: readonly AlertName[];
  readonly targets: readonly AlertName[];
  readonly equal: readonly string[];
}

/** The rules of Alertmanager for the field `inhibits` of the alerts. `equal` has the labels that both alerts have. */
export function inhibitRules(alerts: readonly Alert[] = ALERTS): InhibitRule[] {
  const rules = alerts.flatMap(target =>
    Object.entries(LEVELS).flatMap(([level, equal]) => {
      const sources = alerts.filter(
        source => source.inhibits?.includes(target.name) && levelOfBoth(source, target) === level,
      );
      return sources.length > 0 ? [{ sources: sources.map(({ name }) => name), targets: [target.name], equal }] : [];
    }),
  );
  // Targets with the same sources share a rule.
  return rules.flatMap((rule, index) => {
    const alike = rules.filter(other => key(other) === key(rule));
    return rules.findIndex(other => key(other) === key(rule)) === index
      ? [{ ...rule, targets: alike.flatMap(({ targets }) => targets) }]
      : [];
  });
}

const key = ({ sources, equal }: InhibitRule) => `${sources} ${equal}`;

/** The level whose labels both alerts have. */
function levelOfBoth(source: Alert, target: Alert): Level {
  return source.level === target.level ? source.level : 'job';
}

const SECTION = /^inhibit_rules:\n(?:[ -].*\n)*/m;

/** A configuration of Alertmanager with these rules in place of its own. */
export function withInhibitRules(config: string): string {
  if (!SECTION.test(config)) throw new Error('The configuration of Alertmanager has no inhibit_rules');
  const rules = inhibitRules().map(
    ({ sources, targets, equal }) => `  - source_matchers: [${named(sources)}]
    target_matchers: [${named(targets)}]
    equal: [${equal.join(', ')}]
`,
  );
  return config.replace(SECTION, () => `inhibit_rules:\n${rules.join('')}`);
}

function named(names: readonly AlertName[]): string {
  return names.length > 1 ? `alertname =~ "${names.join('|')}"` : `alertname = "${names[0]}"`;
}
