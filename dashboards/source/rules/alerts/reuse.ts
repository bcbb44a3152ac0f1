import { type Durations, promDuration } from '../../durations.ts';
import { prometheusName } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by, RECORDED } from '../recorded-series.ts';
import {
  JOB,
  numberOf,
  SERVER,
  SHARE,
  shareOf,
  TOP_CAUSE,
  TOP_REASON,
  topInstanceByRate,
  VALUE,
} from '../templates.ts';
import { type Alert, ENOUGH_REQUESTS, ONE_SERVER, shareAbove, WITH_ENOUGH_REQUESTS } from './alert.ts';

const { reuse, newConnections, oneShot, newPools, bodies } = THRESHOLDS;
const { requests, opened, held, open } = RECORDED;

const yesterday = ({ baseline }: Durations, selector = '') =>
  `avg_over_time(${RECORDED.reuse}${selector}[${promDuration(baseline.window)}] offset ${promDuration(baseline.offset)})`;

const NEW_POOLS = `sum ${by('job_server')} (${RECORDED.openedByCause}{connmeter_open_cause="new_pool"})`;

/** Alerts about connections that are not reused. */
export const REUSE_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterReuseLow',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `reuse ratio below ${percent(reuse.bad)}, ${WITH_ENOUGH_REQUESTS}`,
    expr: () => `${RECORDED.reuse}{${ONE_SERVER}} < ${reuse.bad}\nand ${ENOUGH_REQUESTS}`,
    summary: 'Too many requests to a server open a new connection.',
    description: () =>
      `${JOB} sends ${numberOf(requests)} requests/s to ${SERVER}. Only ${SHARE} of them reuse a connection, so it opens ${numberOf(opened)} connections/s.${TOP_CAUSE}`,
    panel: 'Reuse, by server',
  },
  {
    name: 'ConnmeterReuseDropped',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `reuse ratio more than ${reuse.drop} below the same hour yesterday, but not below ${percent(reuse.bad)}, ${WITH_ENOUGH_REQUESTS}`,
    // Below `bad`, ConnmeterReuseLow fires instead: one problem, one alert.
    expr: (_, durations) => `${RECORDED.reuse}{${ONE_SERVER}} < ${yesterday(durations)} - ${reuse.drop}
and ${RECORDED.reuse} >= ${reuse.bad}
and ${ENOUGH_REQUESTS}`,
    summary: 'Connections to a server are reused less than yesterday.',
    description: (_, durations) =>
      `${JOB} sends ${numberOf(requests)} requests/s to ${SERVER}. ${SHARE} of them reuse a connection, down from ${shareOf(yesterday(durations, '{%s}'))} at this hour yesterday. It opens ${numberOf(opened)} connections/s.${TOP_CAUSE}`,
    panel: 'Reuse, by server',
  },
  {
    name: 'ConnmeterNewConnectionsHigh',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${newConnections.high} new connections/s from one instance to one server`,
    expr: () => `${RECORDED.openedMaxPerInstance}{${ONE_SERVER}} > ${newConnections.high}`,
    summary: 'An instance opens so many connections that its host may run out of local ports.',
    description: (transport, durations) =>
      `An instance of ${JOB} opens ${VALUE} connections/s to ${SERVER}. At ${newConnections.exhaustion}/s, its host runs out of local ports.${topInstanceByRate(prometheusName('connmeter.connection.opened', transport), durations)}${TOP_CAUSE}`,
    panel: 'Connections opened, by cause',
  },
  {
    name: 'ConnmeterOneShotConnections',
    severity: 'info',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(oneShot.share)} of the connections that close served at most one request, ${WITH_ENOUGH_REQUESTS}`,
    expr: () => `${RECORDED.oneShot}{${ONE_SERVER}} > ${oneShot.share}\nand ${ENOUGH_REQUESTS}`,
    summary: 'Most connections to a server close after one request, or without any.',
    description: () =>
      `${SHARE} of the connections from ${JOB} to ${SERVER} that close have served at most one request.${TOP_REASON}`,
    panel: 'Requests per connection',
  },
  {
    name: 'ConnmeterClientPerRequest',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(newPools.share)} of the requests create a connection pool, at more than ${newPools.minRate}/s`,
    expr: () => shareAbove(NEW_POOLS, requests, newPools),
    summary: 'A program creates a client for each request.',
    description: () =>
      `${JOB} sends ${numberOf(requests)} requests/s to ${SERVER} and creates a new client for ${SHARE} of them. Fix: create one client when the program starts, and share it.`,
    panel: 'Connections opened, by cause',
  },
  {
    name: 'ConnmeterBodiesHeld',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `on average at least ${bodies.minCount} connections held by unread bodies, and more than ${percent(bodies.share)} of the open ones`,
    expr: () => `${held} >= ${bodies.minCount}\nand ${held} / ${open} > ${bodies.share}`,
    summary: 'Unread response bodies hold connections.',
    description: () =>
      `${JOB} does not read response bodies from ${SERVER}: they hold ${VALUE} of its ${numberOf(open)} open connections, and it opens ${numberOf(opened)} connections/s. If they hold all, requests wait forever. Fix: read or cancel every body, with response.resume() (node:http) or await response.text() (fetch).`,
    panel: 'Connections held by unread bodies',
  },
];
