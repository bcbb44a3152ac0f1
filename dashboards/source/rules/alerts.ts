import { type Durations, promDuration } from '../durations.ts';
import { runbookOf } from '../links.ts';
import type { Transport } from '../metric-names.ts';
import type { Alert } from './alerts/alert.ts';
import { CONNECT_ALERTS } from './alerts/connect.ts';
import { DNS_ALERTS } from './alerts/dns.ts';
import { PORT_ALERTS } from './alerts/ports.ts';
import { QUEUE_ALERTS } from './alerts/queue.ts';
import { RACE_ALERTS } from './alerts/races.ts';
import { REUSE_ALERTS } from './alerts/reuse.ts';
import { SERVER_ALERTS } from './alerts/server-side.ts';
import { TARGET_ALERTS } from './alerts/targets.ts';
import { TLS_ALERTS } from './alerts/tls.ts';
import { WITHOUT_HTTP_ALERTS } from './alerts/without-http.ts';
import { LEVELS, type Level } from './recorded-series.ts';
import { dashboardUrl, ownMatchers } from './templates.ts';

/** All alerts. Each has a page in `docs/runbooks` and a file in `test/rules`. */
export const ALERTS: readonly Alert[] = [
  ...REUSE_ALERTS,
  ...WITHOUT_HTTP_ALERTS,
  ...DNS_ALERTS,
  ...CONNECT_ALERTS,
  ...PORT_ALERTS,
  ...TLS_ALERTS,
  ...SERVER_ALERTS,
  ...QUEUE_ALERTS,
  ...RACE_ALERTS,
  ...TARGET_ALERTS,
];

/** The alerting rules of the rule file. */
export function alertingRules(transport: Transport, durations: Durations) {
  return ALERTS.map(alert => ({
    alert: alert.name,
    expr: alert.expr(transport, durations),
    for: promDuration(durations[alert.for]),
    keep_firing_for: promDuration(durations.keepFiringFor),
    labels: { severity: alert.severity },
    annotations: {
      summary: alert.summary,
      description: withOwnMatchers(alert.level, alert.description(transport, durations)),
      panel: alert.panel,
      dashboard_url: dashboardUrl(alert.dashboard ?? 'connmeter', labelsOf(alert)),
      runbook_url: runbookOf(alert.name),
    },
  }));
}

/** The labels that the dashboard has variables for. Its variable `server` lists only servers that the job calls. */
function labelsOf({ level, perInstance, listens }: Alert): string[] {
  const labels = [...LEVELS[level], ...(perInstance ? ['instance'] : [])];
  return labels.filter(label => !(listens && label === 'server_address'));
}

const withOwnMatchers = (level: Level, text: string) => (text.includes('$own') ? ownMatchers(level) + text : text);
