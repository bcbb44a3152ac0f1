import { type Clock, written } from '../durations.ts';
import { type Spelling, spell } from '../metric-names.ts';
import { THRESHOLDS } from '../thresholds.ts';

/** Labels that part one job from another. `cluster` and `namespace` cost nothing where a setup has none. */
const JOB = ['cluster', 'namespace', 'job'] as const;

/** What is told apart, by the first part of a recorded name: an instance is not, that is what makes a fleet cheap to draw. */
export const LEVELS = {
  job: JOB,
  job_name: [...JOB, 'dns_question_name'],
  job_name_error: [...JOB, 'dns_question_name', 'error_type'],
  job_server: [...JOB, 'server_address', 'server_port'],
  job_server_cause: [...JOB, 'server_address', 'server_port', 'connmeter_open_cause', 'connmeter_close_reason'],
  job_server_reason: [...JOB, 'server_address', 'server_port', 'connmeter_close_reason'],
  job_server_error: [...JOB, 'server_address', 'server_port', 'connmeter_phase', 'error_type'],
} as const;

export type Level = keyof typeof LEVELS;

/**
 * The recorded series, `level:metric:operation`, the same in both spellings. `rate5m` and `avg5m` are over the window of
 * the clock, `max_rate5m` is that of the instance which has most.
 */
export const RECORDED = {
  /** HTTP requests sent. */
  requests: 'job_server:connmeter_requests:rate5m',
  /** Those sent on a connection that had served one before. */
  requestsReused: 'job_server:connmeter_requests_reused:rate5m',
  /** The reuse ratio. Absent without requests. */
  reuse: 'job_server:connmeter_reuse:ratio_rate5m',
  /** Connections opened, by cause; where it is `replaced`, by the reason of the loss too. */
  openedByCause: 'job_server_cause:connmeter_opened:rate5m',
  opened: 'job_server:connmeter_opened:rate5m',
  openedByWorst: 'job_server:connmeter_opened:max_rate5m',
  /** Connections closed, by reason. */
  closedByReason: 'job_server_reason:connmeter_closed:rate5m',
  /** Connections that never opened, by phase and error. */
  failedByError: 'job_server_error:connmeter_failed:rate5m',
  /** Opened or failed. */
  attempted: 'job_server:connmeter_attempted:rate5m',
  /** Share of the connections closed that had served one request at most. Absent where none closes. */
  oneShot: 'job_server:connmeter_one_shot:ratio_rate5m',
  /** Seconds of set-up per second, for those. */
  wasted: 'job_server:connmeter_setup_wasted:rate5m',
  /** TLS handshakes done. */
  handshakes: 'job_server:connmeter_tls_handshakes:rate5m',
  /** Share of them that took up an earlier session. Absent without handshakes. */
  resumed: 'job_server:connmeter_tls_resumed:ratio_rate5m',
  /** HTTP connections open, in the mean. */
  open: 'job_server:http_client_open_connections:avg5m',
  /** Those held by a body that nobody reads. */
  held: 'job_server:connmeter_body_held:avg5m',
  /** From here on `job_server` is the address and port that a server of the job listens on. Connections accepted there. */
  accepted: 'job_server:connmeter_server_accepted:rate5m',
  /** Those closed, by the server's reason. */
  acceptedClosedByReason: 'job_server_reason:connmeter_server_closed:rate5m',
  /** Share of those closed that lived for less than a short keep-alive. Absent where none closes. */
  acceptedShort: 'job_server:connmeter_server_short:ratio_rate5m',
  /** HTTP requests received, and the share that came on a connection which had carried one before. */
  received: 'job_server:connmeter_server_requests:rate5m',
  receivedReuse: 'job_server:connmeter_server_reuse:ratio_rate5m',
  /** Sockets in TIME_WAIT against the ports for outgoing connections, of the instance that has most. */
  portsResting: 'job:connmeter_ports_time_wait:max_ratio',
  /** Instances that know the server. */
  instancesOfServer: 'job_server:connmeter_instances:count',
  /** Instances that report. */
  instances: 'job:connmeter_instances:count',
  /** DNS lookups by name and, where they failed, error. */
  lookupsByError: 'job_name_error:dns_lookups:rate5m',
  lookupsByName: 'job_name:dns_lookups:rate5m',
  lookups: 'job:dns_lookups:rate5m',
  lookupsByWorst: 'job:dns_lookups:max_rate5m',
  /** Seconds that 95 in 100 lookups take at most. */
  lookupDuration: 'job:dns_lookup_duration:p95_rate5m',
} as const;

export type Recorded = (typeof RECORDED)[keyof typeof RECORDED];

export interface RecordingRule {
  readonly record: Recorded;
  readonly expr: string;
}

/** `by (...)` of a level, and of more labels. */
export function by(level: Level, ...more: readonly string[]): string {
  return `by (${[...LEVELS[level], ...more].join(', ')})`;
}

/** The recording rules, in the order in which one needs the other. */
export function recordingRules(spelling: Spelling, clock: Clock): RecordingRule[] {
  const window = written(clock.window);
  const over = (name: string, suffix: string, matchers: string) =>
    `${spell(name, spelling)}${suffix}${matchers && `{${matchers}}`}[${window}]`;
  const rate = (name: string, matchers = '') => `rate(${over(name, '', matchers)})`;
  const count = (name: string, matchers = '') => `rate(${over(name, '_count', matchers)})`;
  const bucket = (name: string, matchers = '') => `rate(${over(name, '_bucket', matchers)})`;
  const mean = (name: string) => `avg_over_time(${over(name, '', '')})`;

  const sum = (level: Level, what: string) => `sum ${by(level)} (${what})`;
  /** Of the instance that has most. */
  const worst = (level: Level, what: string) => `max ${by(level)} (sum ${by(level, 'instance')} (${what}))`;
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

  /** Handshakes that were done have a version; those that failed have an error instead. */
  const done = 'tls_protocol_version!=""';
  /** Prometheus 2 stores the boundary as the exporter writes it, `1`; Prometheus 3 stores scraped ones as `1.0`. */
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
    { record: RECORDED.openedByWorst, expr: worst('job_server', rate('connmeter.connection.opened')) },
    { record: RECORDED.closedByReason, expr: sum('job_server_reason', rate('connmeter.connection.closed')) },
    { record: failedByError, expr: sum('job_server_error', rate('connmeter.connection.failed')) },
    { record: RECORDED.attempted, expr: sum('job_server', `${openedByCause} or ${failedByError}`) },

    {
      record: RECORDED.oneShot,
      expr: `${sum('job_server', bucket('connmeter.connection.requests', atMost(1)))}
  / (${sum('job_server', count('connmeter.connection.requests'))} > 0)`,
    },
    { record: RECORDED.wasted, expr: sum('job_server', rate('connmeter.setup.wasted')) },

    { record: handshakes, expr: sum('job_server', count('connmeter.tls.handshake.duration', done)) },
    {
      // A histogram has no series before its first event: where nothing was ever resumed, zero has to be said.
      record: RECORDED.resumed,
      expr: `(${sum('job_server', count('connmeter.tls.handshake.duration', 'tls_resumed="true"'))} or 0 * ${handshakes})
  / (${handshakes} > 0)`,
    },

    { record: RECORDED.open, expr: sum('job_server', mean('http.client.open_connections')) },
    { record: RECORDED.held, expr: sum('job_server', mean('connmeter.body.held')) },
    { record: RECORDED.accepted, expr: sum('job_server', rate('connmeter.server.connection.accepted')) },
    {
      record: RECORDED.acceptedClosedByReason,
      expr: sum('job_server_reason', rate('connmeter.server.connection.closed')),
    },
    {
      record: RECORDED.acceptedShort,
      expr: `${sum('job_server', bucket('connmeter.server.connection.duration', atMost(THRESHOLDS.serving.short)))}
  / (${sum('job_server', count('connmeter.server.connection.duration'))} > 0)`,
    },
    { record: received, expr: sum('job_server', rate('connmeter.server.requests')) },
    {
      record: RECORDED.receivedReuse,
      expr: `${sum('job_server', rate('connmeter.server.requests', 'connmeter_connection_reused="true"'))}
  / (${received} > 0)`,
    },
    {
      record: RECORDED.portsResting,
      expr: `max ${by('job')} (
  sum ${by('job', 'instance')} (${spell('connmeter.ports.time_wait', spelling)})
  / (sum ${by('job', 'instance')} (${spell('connmeter.ports.ephemeral', spelling)}) > 0)
)`,
    },

    {
      // Each instance has this series of each server, born at zero.
      record: RECORDED.instancesOfServer,
      expr: `count ${by('job_server')} (
  count ${by('job_server', 'instance')} (${spell('connmeter.connection.opened', spelling)}{connmeter_open_cause="first"})
)`,
    },
    // And this one of itself.
    { record: RECORDED.instances, expr: `count ${by('job')} (${spell('connmeter.dns.pending', spelling)})` },

    { record: lookupsByError, expr: sum('job_name_error', count('dns.lookup.duration')) },
    { record: lookupsByName, expr: sum('job_name', lookupsByError) },
    { record: RECORDED.lookups, expr: sum('job', lookupsByName) },
    { record: RECORDED.lookupsByWorst, expr: worst('job', count('dns.lookup.duration')) },
    {
      record: RECORDED.lookupDuration,
      expr: `histogram_quantile(0.95, sum ${by('job', 'le')} (${bucket('dns.lookup.duration')}))`,
    },
  ];
}
