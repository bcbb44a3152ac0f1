/** The labels of a job. `cluster` and `namespace` cost nothing if a setup has none. */
const JOB = ['cluster', 'namespace', 'job'] as const;

/**
 * The labels of a recorded series, by the first part of its name. No level has the label `instance`: that keeps the number of
 * recorded series independent of the number of instances.
 */
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

/** `by (...)` with the labels of a level and more labels. */
export function by(level: Level, ...more: readonly string[]): string {
  return `by (${[...LEVELS[level], ...more].join(', ')})`;
}

/**
 * The names of the recorded series, `level:metric:operation`. They do not depend on the transport. `rate5m` and `avg5m` are
 * over the window of the rules. `max_rate5m` is the rate of the instance with the highest one.
 */
export const RECORDED = {
  /** HTTP requests sent. */
  requests: 'job_server:connmeter_requests:rate5m',
  /** HTTP requests sent on a reused connection. */
  requestsReused: 'job_server:connmeter_requests_reused:rate5m',
  /** The reuse ratio. Absent without requests. */
  reuse: 'job_server:connmeter_reuse:ratio_rate5m',
  /** Connections opened, by cause. For `replaced`, also by the close reason of the replaced connection. */
  openedByCause: 'job_server_cause:connmeter_opened:rate5m',
  opened: 'job_server:connmeter_opened:rate5m',
  openedMaxPerInstance: 'job_server:connmeter_opened:max_rate5m',
  /** Connections closed, by reason. */
  closedByReason: 'job_server_reason:connmeter_closed:rate5m',
  /** Connection attempts that failed, by phase and error. */
  failedByError: 'job_server_error:connmeter_failed:rate5m',
  /** Connections that are being opened, on average. */
  pending: 'job_server:connmeter_connection_pending:avg5m',
  /** Connection attempts: opened or failed. A connection whose proxy refused the tunnel did open. */
  attempted: 'job_server:connmeter_attempted:rate5m',
  /** Share of the closed connections that served at most one request. Absent if none closes. */
  oneShot: 'job_server:connmeter_one_shot:ratio_rate5m',
  /** Seconds of set-up per second, of those connections. */
  setupWasted: 'job_server:connmeter_setup_wasted:rate5m',
  /** TLS handshakes that succeeded. */
  handshakes: 'job_server:connmeter_tls_handshakes:rate5m',
  /** Share of them that resumed a session. Absent without handshakes. */
  resumed: 'job_server:connmeter_tls_resumed:ratio_rate5m',
  /** Open HTTP connections, on average. */
  open: 'job_server:http_client_open_connections:avg5m',
  /** Connections held by an unread response body, on average. */
  held: 'job_server:connmeter_body_held:avg5m',
  /** Connections that a server of the job accepts. In this and the next four, `job_server` is the address it listens on. */
  accepted: 'job_server:connmeter_server_accepted:rate5m',
  /** Accepted connections that closed, by reason. */
  acceptedClosedByReason: 'job_server_reason:connmeter_server_closed:rate5m',
  /** Share of them that were open for less than a short keep-alive timeout. Absent if none closes. */
  acceptedShortLived: 'job_server:connmeter_server_short:ratio_rate5m',
  /** HTTP requests received. */
  received: 'job_server:connmeter_server_requests:rate5m',
  /** Share of them that reuse a connection. Absent without requests. */
  receivedReuse: 'job_server:connmeter_server_reuse:ratio_rate5m',
  /** Sockets in TIME_WAIT as a share of the local ports, of the instance with the highest share. */
  portsInTimeWait: 'job:connmeter_ports_time_wait:max_ratio',
  /** Instances that have connected to the server. */
  instancesOfServer: 'job_server:connmeter_instances:count',
  /** Instances that send metrics. */
  instances: 'job:connmeter_instances:count',
  /** DNS lookups by name. For failed ones, also by error. */
  lookupsByError: 'job_name_error:dns_lookups:rate5m',
  lookupsByName: 'job_name:dns_lookups:rate5m',
  lookups: 'job:dns_lookups:rate5m',
  lookupsMaxPerInstance: 'job:dns_lookups:max_rate5m',
  /** The 95th percentile of the lookup time, in seconds. */
  lookupDuration: 'job:dns_lookup_duration:p95_rate5m',
} as const;

export type RecordedName = (typeof RECORDED)[keyof typeof RECORDED];
