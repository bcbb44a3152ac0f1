import { type Durations, promDuration } from '../durations.ts';
import { prometheusName, type Transport } from '../metric-names.ts';
import { THRESHOLDS } from '../thresholds.ts';
import { by, type Level, RECORDED, type RecordedName } from './recorded-series.ts';

export interface RecordingRule {
  readonly record: RecordedName;
  readonly expr: string;
}

/** The recording rules. A rule comes after the rules that it uses. */
export function recordingRules(transport: Transport, durations: Durations): RecordingRule[] {
  const window = promDuration(durations.window);
  const over = (name: string, suffix: string, matchers: string) =>
    `${prometheusName(name, transport)}${suffix}${matchers && `{${matchers}}`}[${window}]`;
  const rate = (name: string, matchers = '') => `rate(${over(name, '', matchers)})`;
  const count = (name: string, matchers = '') => `rate(${over(name, '_count', matchers)})`;
  const bucket = (name: string, matchers = '') => `rate(${over(name, '_bucket', matchers)})`;
  const average = (name: string) => `avg_over_time(${over(name, '', '')})`;

  const sum = (level: Level, expr: string) => `sum ${by(level)} (${expr})`;
  const maxPerInstance = (level: Level, expr: string) => `max ${by(level)} (sum ${by(level, 'instance')} (${expr}))`;
  const {
    received,
    requests,
    requestsReused,
    openedByCause,
    failedByError,
    handshakes,
    lookupsByError,
    lookupsByName,
  } = RECORDED;

  /** Prometheus 2 stores the bucket boundary as the exporter writes it, `1`. Prometheus 3 stores `1.0`. */
  const atMost = (boundary: number) => `le=~"${boundary}|${boundary}[.]0"`;

  return [
    { record: requests, expr: sum('job_server', rate('connmeter.requests')) },
    {
      record: requestsReused,
      expr: sum('job_server', rate('connmeter.requests', 'connmeter_connection_reused="true"')),
    },
    { record: RECORDED.reuse, expr: `${requestsReused} / (${requests} > 0)` },

    { record: openedByCause, expr: sum('job_server_cause', rate('connmeter.connection.opened')) },
    { record: RECORDED.opened, expr: sum('job_server', openedByCause) },
    { record: RECORDED.openedMaxPerInstance, expr: maxPerInstance('job_server', rate('connmeter.connection.opened')) },
    { record: RECORDED.closedByReason, expr: sum('job_server_reason', rate('connmeter.connection.closed')) },
    { record: failedByError, expr: sum('job_server_error', rate('connmeter.connection.failed')) },
    { record: RECORDED.pending, expr: sum('job_server', average('connmeter.connection.pending')) },
    {
      record: RECORDED.attempted,
      expr: sum('job_server', `${openedByCause} or ${failedByError}{connmeter_phase!="proxy"}`),
    },

    {
      record: RECORDED.oneShot,
      expr: `${sum('job_server', bucket('connmeter.connection.requests', atMost(1)))}
  / (${sum('job_server', count('connmeter.connection.requests'))} > 0)`,
    },
    { record: RECORDED.setupWasted, expr: sum('job_server', rate('connmeter.setup.wasted')) },

    { record: handshakes, expr: sum('job_server', count('connmeter.tls.handshake.duration')) },
    {
      // A histogram has no series before its first event, so a ratio of zero needs `or 0 * ...`.
      record: RECORDED.resumed,
      expr: `(${sum('job_server', count('connmeter.tls.handshake.duration', 'tls_resumed="true"'))} or 0 * ${handshakes})
  / (${handshakes} > 0)`,
    },

    { record: RECORDED.open, expr: sum('job_server', average('http.client.open_connections')) },
    { record: RECORDED.held, expr: sum('job_server', average('connmeter.body.held')) },
    { record: RECORDED.accepted, expr: sum('job_server', rate('connmeter.server.connection.accepted')) },
    {
      record: RECORDED.acceptedClosedByReason,
      expr: sum('job_server_reason', rate('connmeter.server.connection.closed')),
    },
    {
      record: RECORDED.acceptedShortLived,
      expr: `${sum('job_server', bucket('connmeter.server.connection.duration', atMost(THRESHOLDS.server.shortKeepAlive)))}
  / (${sum('job_server', count('connmeter.server.connection.duration'))} > 0)`,
    },
    { record: received, expr: sum('job_server', rate('connmeter.server.requests')) },
    {
      record: RECORDED.receivedReuse,
      expr: `${sum('job_server', rate('connmeter.server.requests', 'connmeter_connection_reused="true"'))}
  / (${received} > 0)`,
    },
    {
      record: RECORDED.portsInTimeWait,
      expr: `max ${by('job')} (
  sum ${by('job', 'instance')} (${prometheusName('connmeter.ports.time_wait', transport)})
  / (sum ${by('job', 'instance')} (${prometheusName('connmeter.ports.ephemeral', transport)}) > 0)
)`,
    },

    {
      // Every instance has this series for each server, from the first attempt on.
      record: RECORDED.instancesOfServer,
      expr: `count ${by('job_server')} (
  count ${by('job_server', 'instance')} (${prometheusName('connmeter.connection.opened', transport)}{connmeter_open_cause="first"})
)`,
    },
    // Every instance has exactly one of these series.
    { record: RECORDED.instances, expr: `count ${by('job')} (${prometheusName('connmeter.dns.pending', transport)})` },

    { record: lookupsByError, expr: sum('job_name_error', count('dns.lookup.duration')) },
    { record: lookupsByName, expr: sum('job_name', lookupsByError) },
    { record: RECORDED.lookups, expr: sum('job', lookupsByName) },
    { record: RECORDED.lookupsMaxPerInstance, expr: maxPerInstance('job', count('dns.lookup.duration')) },
    {
      record: RECORDED.lookupDuration,
      expr: `histogram_quantile(0.95, sum ${by('job', 'le')} (${bucket('dns.lookup.duration')}))`,
    },
  ];
}
