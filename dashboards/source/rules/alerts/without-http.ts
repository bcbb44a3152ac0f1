import { promDuration } from '../../durations.ts';
import { prometheusName } from '../../metric-names.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import { by, RECORDED } from '../recorded-series.ts';
import { query, ROUTE, topInstanceByRate, VALUE } from '../templates.ts';
import { type Alert, ONE_SERVER } from './alert.ts';

const { minRate, maxSeconds } = THRESHOLDS.clientPerQuery;

/** Connections without HTTP that neither an error nor a timeout ended. */
const AS_USUAL = 'network_protocol_name="",connmeter_close_reason!~"error|.*timeout"';

/** A server that refuses the login ends the connection. So does one that the driver has told to, as mysql2 does. */
const IF_THE_SERVER_ENDS_THEM = query(
  `topk(1, ${RECORDED.closedByReason}{%s} > 0)`,
  '{{ if eq .Labels.connmeter_close_reason "peer_closed" }} The server ends most of them: look for failed logins in the log of the program first.{{ end }}',
);

/** Alerts about connections of clients without HTTP: databases, caches, message brokers. */
export const WITHOUT_HTTP_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterClientPerQuery',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `one instance opens and closes more than ${minRate} connections/s without HTTP to one server, and they are open for less than ${maxSeconds} s on average`,
    // Connections that are open on average, divided by those that close in a second, is how long one is open on average.
    expr: (transport, { window }) => {
      const perInstance = by('job_server', 'instance');
      const closed = `sum ${perInstance} (
    rate(${prometheusName('connmeter.connection.closed', transport)}{${ONE_SERVER},${AS_USUAL}}[${promDuration(window)}])
  )`;
      return `max ${by('job_server')} (
  ${closed} > ${minRate}
  unless
  sum ${perInstance} (
    avg_over_time(${prometheusName('connmeter.open_connections', transport)}[${promDuration(window)}])
  ) >= ${maxSeconds} * ${closed}
)`;
    },
    summary: 'Connections to a server without HTTP are closed soon after they are opened.',
    description: (transport, durations) =>
      `${ROUTE}: one instance opens ${VALUE} connections/s without HTTP, and they are closed within ${maxSeconds} s on average. Fix: create one pool or client when the program starts, and share it.${IF_THE_SERVER_ENDS_THEM}${topInstanceByRate(prometheusName('connmeter.connection.closed', transport), durations, AS_USUAL)}`,
    panel: 'New connections without HTTP, by server',
    inhibits: ['ConnmeterNewConnectionsHigh', 'ConnmeterTlsNotResumed', 'ConnmeterDnsRateHigh'],
  },
];
