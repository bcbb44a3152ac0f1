import { promDuration } from '../../durations.ts';
import { prometheusName } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by } from '../recorded-series.ts';
import { query, ROUTE, SHARE } from '../templates.ts';
import { type Alert, ONE_SERVER } from './alert.ts';

const { saturated } = THRESHOLDS;

/** Alerts about requests that wait for a connection. */
export const QUEUE_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterPoolSaturated',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `requests to a server wait for a connection for more than ${percent(saturated.share)} of the time, because all connections of their pool are busy`,
    expr: (transport, { window }) => `avg ${by('job_server')} (
  rate(${prometheusName('connmeter.pool.saturated', transport)}{${ONE_SERVER}}[${promDuration(window)}])
) > ${saturated.share}`,
    summary: 'Requests wait, because all connections of a pool are busy.',
    description: (transport, { window }) => {
      const { active, waiting } = {
        active: `sum ${by('job_server')} (avg_over_time(${prometheusName('http.client.active_requests', transport)}{%s}[${promDuration(window)}]))`,
        waiting: `sum ${by('job_server')} (rate(${prometheusName('http.client.request.time_in_queue', transport)}_sum{%s}[${promDuration(window)}]))`,
      };
      const most = query(
        `sum ${by('job_server')} (${prometheusName('connmeter.pool.connections.max', transport)}{%s})`,
        ' The pools of all instances may open {{ .Value | humanize }} connections.',
      );
      const needed = query(
        `${active} + ${waiting}`,
        ` With {{ .Value | printf "%.0f" }}, hardly any request would wait.`,
      );
      return `${ROUTE}: requests wait for a connection for ${SHARE} of the time. Fix: a higher limit, new http.Agent({ keepAlive: true, maxSockets: 50 }), or a faster server.${most}${needed}`;
    },
    panel: 'Saturated pools',
  },
];
