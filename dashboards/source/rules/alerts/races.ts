import { promDuration } from '../../durations.ts';
import { prometheusName, type Transport } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by, RECORDED } from '../recorded-series.ts';
import { LISTENER, query, ROUTE, SHARE, VALUE } from '../templates.ts';
import { type Alert, ONE_SERVER } from './alert.ts';

const { givesUpFirst, race } = THRESHOLDS;

/** The server ended or reset the connection before it answered. */
const LOST = 'connmeter_connection_reused="true",error_type=~"closed|reset"';
/** Proxies and load balancers that left idle connections, or were left. */
const IDLE_ENDS = 'connmeter_client_proxied="true",connmeter_idle_end=~"client|server"';
/** Accepted connections that closed for these reasons. */
const closed = (reasons: string) =>
  `sum ${by('job_server')} (${RECORDED.acceptedClosedByReason}{${ONE_SERVER},connmeter_close_reason=~"${reasons}"})`;
const ENDED_BY_SERVER = 'connmeter_client_proxied="true",connmeter_idle_end="server"';

/** Node follows the hint of a server, so a program needs this only if the server gives none. */
const FIX =
  'make the client give up first: new Agent({ keepAliveTimeout: 4_000 }) with undici, new http.Agent({ keepAlive: true, timeout: 4_000 }) with node:http';

const idleLimit = (transport: Transport) =>
  query(
    `max ${by('job_server')} (${prometheusName('connmeter.connection.idle_limit', transport)}{%s})`,
    ' That server closes connections that were idle for {{ .Value | humanizeDuration }}: the client has to close them earlier.',
  );

/** Alerts about requests that meet a connection that is just being closed. */
export const RACE_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterKeepAliveRace',
    severity: 'warning',
    level: 'job_server',
    for: 'rareFor',
    when: `for half an hour, at least ${race.minFailures} request in every 20 minutes fails because the server closed its reused connection`,
    expr: (transport, { rareWindow }) => `sum ${by('job_server')} (
  increase(${prometheusName('connmeter.requests.failed', transport)}{${ONE_SERVER},${LOST}}[${promDuration(rareWindow)}])
) >= ${race.minFailures}`,
    summary: 'Requests fail because a server closes idle connections that are just being reused.',
    description: transport =>
      `${ROUTE}: ${VALUE} requests failed in 20 minutes, because the server closed or reset their reused connection before it answered. Fix: ${FIX}.${idleLimit(transport)}`,
    panel: 'Requests that failed, by server',
  },
  {
    name: 'ConnmeterServerGivesUpFirst',
    severity: 'warning',
    level: 'job_server',
    for: 'rareFor',
    when: `a server ends more than ${percent(givesUpFirst.share)} of the idle connections of its proxies and load balancers itself; if it is not known which connections are theirs, of all, at least ${givesUpFirst.minRate}/s, and ${percent(givesUpFirst.reuse)} of its requests reuse a connection`,
    expr: (transport, { rareWindow }) => {
      const idleTime = prometheusName('connmeter.server.connection.idle_time', transport);
      const ended = (matchers: string) =>
        `sum ${by('job_server')} (rate(${idleTime}_count{${matchers}}[${promDuration(rareWindow)}]))`;
      // With `detail: 'basic'`, idle times are not known. A proxy then shows by how many requests it sends on a connection.
      return `${ended(ENDED_BY_SERVER)}
  / (${ended(IDLE_ENDS)} > 0)
> ${givesUpFirst.share}
or (
  ${closed('keep_alive_timeout')}
    / (${closed('keep_alive_timeout|keep_alive_hint_too_short|client_closed_idle')} > 0)
  > ${givesUpFirst.share}
  and ${closed('keep_alive_timeout')} >= ${givesUpFirst.minRate}
  and ${RECORDED.receivedReuse} >= ${givesUpFirst.reuse}
  unless count ${by('job_server')} (${idleTime}_count)
)`;
    },
    summary: 'A server closes idle connections before its load balancer does, which then answers 502.',
    description: () =>
      `${LISTENER}: the server itself ends ${SHARE} of the idle connections that proxies keep to it. Fix: keep connections longer than the proxy does: server.keepAliveTimeout = 65_000 behind one that keeps them for 60 s. A request that a proxy sends when the server closes is lost, and its client gets 502.`,
    panel: 'Idle connections of clients, by what ended that',
    listens: true,
    inhibits: ['ConnmeterServerClosesIdleConnectionsEarly'],
  },
];
