import { promDuration } from '../../durations.ts';
import { prometheusName } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by } from '../recorded-series.ts';
import {
  JOB,
  PORTS_IN_TIME_WAIT,
  ROUTE,
  SHARE,
  TOP_CAUSE,
  TOP_SERVER,
  topInstanceByGauge,
  topInstanceByRate,
  VALUE,
} from '../templates.ts';
import { type Alert, ONE_SERVER } from './alert.ts';

const { ports } = THRESHOLDS;

const NO_FREE_PORT = 'connmeter_phase="connect",error_type="EADDRNOTAVAIL"';

/** Alerts about the local ports of a host. */
export const PORT_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterPortsRunningOut',
    severity: 'warning',
    level: 'job',
    for: 'shortFor',
    when: `more than ${percent(ports.timeWaitShare)} of a host’s local ports are in TIME_WAIT, and one instance opened at least ${percent(ports.openedPerTimeWait)} as many connections to one server in 5 minutes`,
    // A server that closes first also has sockets in TIME_WAIT, but they do not use local ports.
    expr: (transport, { window }) => {
      const perInstance = by('job', 'instance');
      const timeWait = `sum ${perInstance} (${prometheusName('connmeter.ports.time_wait', transport)})`;
      const openedToServer = `sum ${by('job_server', 'instance')} (
      increase(${prometheusName('connmeter.connection.opened', transport)}{${ONE_SERVER}}[${promDuration(window)}])
    )`;
      return `max ${by('job')} (
  ${timeWait}
    / (sum ${perInstance} (${prometheusName('connmeter.ports.ephemeral', transport)}) > 0)
  and
    max ${perInstance} (${openedToServer})
    >= ${ports.openedPerTimeWait} * ${timeWait}
) > ${ports.timeWaitShare}`;
    },
    summary: 'A host is about to run out of local ports.',
    description: transport =>
      `${JOB}: sockets in TIME_WAIT use ${SHARE} of the local ports of a host. At 100%, it cannot open connections any more.${TOP_CAUSE}${TOP_SERVER}${topInstanceByGauge(prometheusName('connmeter.ports.time_wait', transport))}`,
    panel: 'Local ports in TIME_WAIT',
    inhibits: ['ConnmeterNewConnectionsHigh', 'ConnmeterDnsRateHigh'],
  },
  {
    name: 'ConnmeterPortsExhausted',
    severity: 'critical',
    level: 'job_server',
    for: 'urgentFor',
    when: `more than ${ports.minFailures} connection attempts/s from one instance to one server fail with EADDRNOTAVAIL`,
    expr: (transport, { window }) => `max ${by('job_server')} (
  sum ${by('job_server', 'instance')} (
    rate(${prometheusName('connmeter.connection.failed', transport)}{${NO_FREE_PORT}}[${promDuration(window)}])
  )
) > ${ports.minFailures}`,
    summary: 'A host has no free local port to connect to a server.',
    description: (transport, durations) =>
      `${ROUTE}: no free local port for ${VALUE} connection attempts/s from one instance (EADDRNOTAVAIL).${TOP_CAUSE}${PORTS_IN_TIME_WAIT}${topInstanceByRate(prometheusName('connmeter.connection.failed', transport), durations, NO_FREE_PORT)}`,
    panel: 'Failed connections, by server and error',
    inhibits: [
      'ConnmeterPortsRunningOut',
      'ConnmeterClientPerRequest',
      'ConnmeterClientPerQuery',
      'ConnmeterReuseLow',
      'ConnmeterReuseDropped',
      'ConnmeterNewConnectionsHigh',
      'ConnmeterOneShotConnections',
      'ConnmeterTlsNotResumed',
      'ConnmeterPoolSaturated',
      'ConnmeterDnsRateHigh',
    ],
  },
];
