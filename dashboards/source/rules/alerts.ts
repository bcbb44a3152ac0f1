import { OTHER } from '../../../src/reasons.ts';
import { type Clock, written } from '../durations.ts';
import { type Spelling, spell } from '../metric-names.ts';
import { THRESHOLDS } from '../thresholds.ts';
import { by, LEVELS, type Level, RECORDED } from './recording-rules.ts';
import {
  DURATION,
  JOB,
  LISTENER,
  NAME,
  numberOf,
  own,
  PORTS_RESTING,
  SERVER,
  SHARE,
  shareOf,
  TOP_CAUSE,
  TOP_NAME,
  TOP_REASON,
  TOP_SERVER,
  topError,
  topInstance,
  topInstanceNow,
  VALUE,
} from './templates.ts';

/** Where the runbooks are read: one page an alert. */
const RUNBOOKS = 'https://github.com/connmeter/connmeter/blob/main/docs/runbooks';

/** `critical` wakes somebody up, `warning` is for today, `info` explains another or costs money only. */
export type Severity = 'critical' | 'warning' | 'info';

export interface Alert {
  readonly name: `Connmeter${string}`;
  readonly severity: Severity;
  /** What it is about: the labels it has. */
  readonly level: Level;
  /** Which duration of the clock the condition has to stand. */
  readonly stands: 'lasting' | 'urgent' | 'soon';
  /** The condition in words, for the index of the runbooks. */
  readonly when: string;
  readonly expr: (spelling: Spelling, clock: Clock) => string;
  readonly summary: string;
  /** What is wrong, with whom, by how much: a template. */
  readonly description: (spelling: Spelling, clock: Clock) => string;
  /** The title of the panel to look at first. */
  readonly panel: string;
}

const { reuse, newConnections, oneShot, newPools, bodies, dns, failures, ports, tls, serving, down } = THRESHOLDS;
const { requests, opened, held, open, attempted, handshakes, accepted, received, instancesOfServer, instances } =
  RECORDED;

const percent = (share: number) => `${Math.round(share * 100)} %`;

/** Not what is counted together past `maxOrigins`: of many servers, some are always asked once, and some always fail. */
const ONE_SERVER = `server_address!="${OTHER}"`;
const ONE_NAME = `dns_question_name!="${OTHER}"`;

const ENOUGH_REQUESTS = `${requests} / ${instancesOfServer} >= ${reuse.leastRequests}`;
const WITH_ENOUGH_REQUESTS = `with at least ${reuse.leastRequests} request/s per instance`;

const yesterday = ({ past }: Clock, selector = '') =>
  `avg_over_time(${RECORDED.reuse}${selector}[${written(past.over)}] offset ${written(past.ago)})`;

const NEW_POOLS = `sum ${by('job_server')} (${RECORDED.openedByCause}{connmeter_open_cause="new_pool"})`;
const FAILED_LOOKUPS = `sum ${by('job_name')} (${RECORDED.lookupsByError}{${ONE_NAME},error_type!=""})`;

const REFUSED = 'connmeter_phase="connect",error_type="ECONNREFUSED"';
/** Nobody answered; or the network knows that nobody will. */
const NO_ANSWER = 'connmeter_phase="connect",error_type=~".*TIMED?OUT.*|EHOSTUNREACH|ENETUNREACH"';
const NO_PORT = 'connmeter_phase="connect",error_type="EADDRNOTAVAIL"';
const IDLE_TIMEOUT = 'connmeter_close_reason="keep_alive_timeout"';
const IN_TLS = 'connmeter_phase="tls"';

const failed = (matchers: string) => `sum ${by('job_server')} (${RECORDED.failedByError}{${ONE_SERVER},${matchers}})`;

/** Something is a share of all, and there is enough of it. */
const share = (part: string, whole: string, { share, least }: { share: number; least: number }) =>
  `${part} / ${whole} > ${share}\nand ${part} > ${least}`;

const more = (unit: string, { share, least }: { share: number; least: number }) =>
  `more than ${percent(share)} of ${unit}, and more than ${least}/s`;

/** The alerts, one entry each. `docs/runbooks` has a page for each, and `test/rules` a file. */
export const ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterReuseLow',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `reuse ratio below ${percent(reuse.bad)}, ${WITH_ENOUGH_REQUESTS}`,
    expr: () => `${RECORDED.reuse}{${ONE_SERVER}} < ${reuse.bad}\nand ${ENOUGH_REQUESTS}`,
    summary: 'Connections to a server are hardly reused.',
    description: () =>
      `${JOB} sends ${numberOf(requests)} requests/s to ${SERVER}, and only ${SHARE} of them on a connection that had served one before. It opens ${numberOf(opened)} connections/s.${TOP_CAUSE}`,
    panel: 'Reuse, by server',
  },
  {
    name: 'ConnmeterReuseDropped',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `reuse ratio more than ${reuse.drop} below that of the same hour yesterday, but not below ${percent(reuse.bad)}, ${WITH_ENOUGH_REQUESTS}`,
    // Below the floor ConnmeterReuseLow speaks: one fault, one alert.
    expr: (_, clock) => `${RECORDED.reuse}{${ONE_SERVER}} < ${yesterday(clock)} - ${reuse.drop}
and ${RECORDED.reuse} >= ${reuse.bad}
and ${ENOUGH_REQUESTS}`,
    summary: 'Connections to a server are reused less than yesterday.',
    description: (_, clock) =>
      `${JOB} sends ${numberOf(requests)} requests/s to ${SERVER}, ${SHARE} of them on a connection that had served one before; in the same hour of yesterday it was ${shareOf(yesterday(clock, '{%s}'))}. It opens ${numberOf(opened)} connections/s.${TOP_CAUSE}`,
    panel: 'Reuse, by server',
  },
  {
    name: 'ConnmeterNewConnectionsHigh',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `more than ${newConnections.high} new connections/s from one instance to one server`,
    expr: () => `${RECORDED.openedByWorst}{${ONE_SERVER}} > ${newConnections.high}`,
    summary: 'An instance opens so many connections that its host may run out of ports.',
    description: (spelling, clock) =>
      `An instance of ${JOB} opens ${VALUE} connections/s to ${SERVER}; a host runs out of ports at ${newConnections.ruin}/s.${topInstance(spell('connmeter.connection.opened', spelling), clock)}${TOP_CAUSE}`,
    panel: 'Opened, by cause',
  },
  {
    name: 'ConnmeterOneShotConnections',
    severity: 'info',
    level: 'job_server',
    stands: 'lasting',
    when: `more than ${percent(oneShot.share)} of the connections that close served one request at most, ${WITH_ENOUGH_REQUESTS}`,
    expr: () => `${RECORDED.oneShot}{${ONE_SERVER}} > ${oneShot.share}\nand ${ENOUGH_REQUESTS}`,
    summary: 'Most connections to a server serve one request, or none, before they close.',
    description: () =>
      `Of the connections of ${JOB} to ${SERVER} that close, ${SHARE} served one request at most. Their set-up costs ${numberOf(RECORDED.wasted)} seconds per second.${TOP_REASON}`,
    panel: 'Requests that a connection served',
  },
  {
    name: 'ConnmeterClientPerRequest',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `new pools: ${more('the requests', newPools)}`,
    expr: () => share(NEW_POOLS, requests, newPools),
    summary: 'A program makes a client for each request.',
    description: () =>
      `${JOB} sends ${numberOf(requests)} requests/s to ${SERVER}, and makes a new pool for ${SHARE} of them, instead of one that they share.`,
    panel: 'Opened, by cause',
  },
  {
    name: 'ConnmeterBodiesHeld',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `at least ${bodies.least} connections held in the mean, and more than ${percent(bodies.share)} of the open ones`,
    expr: () => `${held} >= ${bodies.least}\nand ${held} / ${open} > ${bodies.share}`,
    summary: 'Bodies that nobody reads hold connections.',
    description: () =>
      `${JOB} does not read the bodies of responses from ${SERVER}: they hold ${VALUE} of its ${numberOf(open)} open connections. It opens ${numberOf(opened)} connections/s.${TOP_CAUSE}`,
    panel: 'Held bodies, by server',
  },
  {
    name: 'ConnmeterDnsRateHigh',
    severity: 'warning',
    level: 'job',
    stands: 'lasting',
    when: `more than ${dns.high} lookups/s from one instance`,
    expr: () => `${RECORDED.lookupsByWorst} > ${dns.high}`,
    summary: 'An instance asks DNS so often that the resolver may refuse it.',
    description: (spelling, clock) =>
      `An instance of ${JOB} looks up ${VALUE} names/s.${topInstance(`${spell('dns.lookup.duration', spelling)}_count`, clock)}${TOP_NAME}`,
    panel: 'Lookups, by name',
  },
  {
    name: 'ConnmeterDnsSlow',
    severity: 'warning',
    level: 'job',
    stands: 'lasting',
    when: `95th percentile of lookups above ${dns.slow} s, with at least ${dns.leastLookups} lookups/s`,
    expr: () => `${RECORDED.lookupDuration} > ${dns.slow}\nand ${RECORDED.lookups} >= ${dns.leastLookups}`,
    summary: 'DNS lookups are slow.',
    description: () =>
      `Of the ${numberOf(RECORDED.lookups)} lookups/s of ${JOB}, one in twenty takes ${DURATION} or longer.${TOP_NAME}`,
    panel: 'Lookup time by name, p95',
  },
  {
    name: 'ConnmeterDnsFailing',
    severity: 'warning',
    level: 'job_name',
    stands: 'lasting',
    when: `failed lookups: ${more('those of a name', failures)}`,
    expr: () => share(FAILED_LOOKUPS, RECORDED.lookupsByName, failures),
    summary: 'A name cannot be looked up.',
    description: () =>
      `Of the ${numberOf(RECORDED.lookupsByName)} lookups/s of ${NAME} by ${JOB}, ${SHARE} fail.${topError(RECORDED.lookupsByError, 'error_type!=""')}`,
    panel: 'Failed lookups',
  },
  {
    name: 'ConnmeterConnectRefused',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `refused connects: ${more('the attempts', failures)}`,
    expr: () => share(failed(REFUSED), attempted, failures),
    summary: 'A server refuses connections.',
    description: () => `${SERVER} refuses ${SHARE} of the ${numberOf(attempted)} connections/s that ${JOB} attempts.`,
    panel: 'Failed, by server and error',
  },
  {
    name: 'ConnmeterConnectTimedOut',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `connects without an answer: ${more('the attempts', failures)}`,
    expr: () => share(failed(NO_ANSWER), attempted, failures),
    summary: 'A server does not answer when it is connected to.',
    description: () =>
      `${SERVER} gives no answer to ${SHARE} of the ${numberOf(attempted)} connections/s that ${JOB} attempts.${topError(RECORDED.failedByError, NO_ANSWER)}`,
    panel: 'Failed, by server and error',
  },
  {
    name: 'ConnmeterPortsRunningOut',
    severity: 'warning',
    level: 'job',
    stands: 'soon',
    when: `sockets in TIME_WAIT above ${percent(ports.resting)} of the ports of an instance’s host, and at least ${percent(ports.openedForEach)} as many connections opened to one server within 5 minutes`,
    // A server that closes first has sockets in TIME_WAIT as well, and they take no port of the range.
    expr: (spelling, { window }) => {
      const perInstance = by('job', 'instance');
      const resting = `sum ${perInstance} (${spell('connmeter.ports.time_wait', spelling)})`;
      const toOne = `sum ${by('job_server', 'instance')} (
      increase(${spell('connmeter.connection.opened', spelling)}{${ONE_SERVER}}[${written(window)}])
    )`;
      return `max ${by('job')} (
  ${resting}
    / (sum ${perInstance} (${spell('connmeter.ports.ephemeral', spelling)}) > 0)
  and
    max ${perInstance} (${toOne})
    >= ${ports.openedForEach} * ${resting}
) > ${ports.resting}`;
    },
    summary: 'A host is about to run out of local ports.',
    description: spelling =>
      `Sockets in TIME_WAIT are ${SHARE} of the ports that a host of ${JOB} has for outgoing connections; at 100 % it cannot connect any more.${topInstanceNow(spell('connmeter.ports.time_wait', spelling))}${TOP_SERVER}${TOP_CAUSE}`,
    panel: 'Ports in TIME_WAIT, share of the range',
  },
  {
    name: 'ConnmeterPortsExhausted',
    severity: 'critical',
    level: 'job_server',
    stands: 'urgent',
    when: `more than ${ports.least} connects/s from one instance to one server fail with EADDRNOTAVAIL`,
    expr: (spelling, { window }) => `max ${by('job_server')} (
  sum ${by('job_server', 'instance')} (
    rate(${spell('connmeter.connection.failed', spelling)}{${NO_PORT}}[${written(window)}])
  )
) > ${ports.least}`,
    summary: 'A host has no local port left to connect to a server.',
    description: (spelling, clock) =>
      `An instance of ${JOB} cannot connect to ${SERVER} for want of a local port, ${VALUE} times/s.${topInstance(spell('connmeter.connection.failed', spelling), clock, NO_PORT)} The job opens ${numberOf(opened)} connections/s to it.${TOP_CAUSE}${PORTS_RESTING}`,
    panel: 'Failed, by server and error',
  },
  {
    name: 'ConnmeterTlsFailing',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `failed TLS handshakes: ${more('the attempts', failures)}`,
    expr: () => share(failed(IN_TLS), attempted, failures),
    summary: 'TLS handshakes with a server fail.',
    description: () =>
      `Of the ${numberOf(attempted)} connections/s that ${JOB} attempts to ${SERVER}, ${SHARE} fail in the TLS handshake.${topError(RECORDED.failedByError, IN_TLS)}`,
    panel: 'Failed, by server and error',
  },
  {
    name: 'ConnmeterTlsNotResumed',
    severity: 'info',
    level: 'job_server',
    stands: 'lasting',
    when: `less than ${percent(tls.resumed)} of the handshakes resumed, with at least ${tls.leastHandshakes} handshakes/s per instance`,
    expr: () => `${RECORDED.resumed}{${ONE_SERVER}} < ${tls.resumed}
and ${handshakes} / ${instancesOfServer} >= ${tls.leastHandshakes}`,
    summary: 'TLS sessions with a server are not resumed.',
    description: () =>
      `Of the ${numberOf(handshakes)} TLS handshakes/s of ${JOB} with ${SERVER}, ${SHARE} take up an earlier session; the others are done in full.${TOP_CAUSE}`,
    panel: 'TLS sessions resumed',
  },
  {
    name: 'ConnmeterServerClosesIdleConnectionsEarly',
    severity: 'warning',
    level: 'job_server',
    stands: 'lasting',
    when: `more than ${percent(serving.share)} of the connections accepted, and at least ${serving.least}/s, closed by keep_alive_timeout, most within ${serving.short} s, at a reuse below ${percent(reuse.bad)}`,
    expr: () => {
      const givenUp = `sum ${by('job_server')} (${RECORDED.acceptedClosedByReason}{${ONE_SERVER},${IDLE_TIMEOUT}})`;
      return `${givenUp} / (${accepted} > 0) > ${serving.share}
and ${givenUp} >= ${serving.least}
and ${RECORDED.acceptedShort} > ${serving.share}
and ${RECORDED.receivedReuse} < ${reuse.bad}`;
    },
    summary: 'A server closes idle connections so early that its clients cannot reuse them.',
    description: () =>
      `${JOB} accepts ${numberOf(accepted)} connections/s on ${LISTENER}, and closes ${SHARE} of them itself as its keep-alive timeout is over, most within ${serving.short} s. Of the ${numberOf(received)} requests/s there, ${shareOf(`${RECORDED.receivedReuse}{%s}`)} come on a connection that had carried one before.`,
    panel: 'Accepted and closed, by reason',
  },
  {
    name: 'ConnmeterTargetDown',
    severity: 'warning',
    level: 'job',
    stands: 'lasting',
    when: `a target that had our metrics within a day cannot be scraped; or a job that sent them for ${percent(down.presence)} of the day sends none`,
    expr: (spelling, { memory }) => {
      const remembered = `[${written(memory.over)}:${written(memory.step)}]`;
      return `max ${by('job', 'instance')} (up) == 0
and on (${[...LEVELS.job, 'instance'].join(', ')}) max_over_time(${spell('connmeter.dns.pending', spelling)}${remembered})
or (
  count_over_time(${instances}${remembered}) > ${(down.presence * memory.over) / memory.step}
  unless on (${LEVELS.job.join(', ')}) (${instances} or up)
)`;
    },
    summary: 'The metrics of connections do not arrive.',
    description: () =>
      `{{ with $labels.instance }}${JOB} has metrics of connections, but its instance {{ . }} cannot be scraped.{{ else }}${JOB} had metrics of connections for most of a day, and sends none now.{{ end }} As long as they are missing, no other alert can tell of it.`,
    panel: 'Instances',
  },
];

/** What Prometheus wants to know of an alert. */
export function alertingRules(spelling: Spelling, clock: Clock) {
  return ALERTS.map(({ name, severity, level, stands, expr, summary, description, panel }) => ({
    alert: name,
    expr: expr(spelling, clock),
    for: written(clock[stands]),
    keep_firing_for: written(clock.lingering),
    labels: { severity },
    annotations: {
      summary,
      description: withOwn(level, description(spelling, clock)),
      dashboard: `Panel "${panel}"`,
      runbook_url: `${RUNBOOKS}/${name}.md`,
    },
  }));
}

const withOwn = (level: Level, text: string) => (text.includes('$own') ? own(level) + text : text);
