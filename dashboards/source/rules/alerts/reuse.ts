import { type Durations, promDuration } from '../../durations.ts';
import { prometheusName } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by, RECORDED } from '../recorded-series.ts';
import { numberOf, ROUTE, SHARE, shareOf, topInstanceByRate, VALUE, whyClosed, whyOpened } from '../templates.ts';
import { type Alert, type AlertName, COSTLY, IF_COSTLY, ONE_SERVER, shareAbove } from './alert.ts';

const { reuse, newConnections, oneShot, newPools, bodies } = THRESHOLDS;
const { requests, opened, held, open } = RECORDED;

const yesterday = ({ baseline }: Durations, selector = '') =>
  `avg_over_time(${RECORDED.reuse}${selector}[${promDuration(baseline.window)}] offset ${promDuration(baseline.offset)})`;

const NEW_POOLS = `sum ${by('job_server')} (${RECORDED.openedByCause}{connmeter_open_cause="new_pool"})`;

/** What low reuse costs. */
const COST = `${numberOf(opened)} new connections/s`;

/** What follows from new connections. */
const CONSEQUENCES: readonly AlertName[] = [
  'ConnmeterNewConnectionsHigh',
  'ConnmeterOneShotConnections',
  'ConnmeterTlsNotResumed',
  'ConnmeterDnsRateHigh',
];
const LITTLE_REUSE: readonly AlertName[] = ['ConnmeterReuseLow', 'ConnmeterReuseDropped', ...CONSEQUENCES];

/** Alerts about connections that are not reused. */
export const REUSE_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterReuseLow',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `reuse ratio below ${percent(reuse.bad)}, ${IF_COSTLY}`,
    expr: () => `${RECORDED.reuse}{${ONE_SERVER}} < ${reuse.bad}\nand ${COSTLY}`,
    summary: 'Too many requests to a server open a new connection.',
    description: () => `${whyOpened(COST)} Only ${SHARE} of the ${numberOf(requests)} requests/s reuse a connection.`,
    panel: 'Reuse, by server',
    inhibits: CONSEQUENCES,
  },
  {
    name: 'ConnmeterReuseDropped',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `reuse ratio more than ${reuse.drop} below the same hour yesterday, but not below ${percent(reuse.bad)}, ${IF_COSTLY}`,
    // Below `bad`, ConnmeterReuseLow fires instead: one problem, one alert.
    expr: (_, durations) => `${RECORDED.reuse}{${ONE_SERVER}} < ${yesterday(durations)} - ${reuse.drop}
and ${RECORDED.reuse} >= ${reuse.bad}
and ${COSTLY}`,
    summary: 'Connections to a server are reused less than yesterday.',
    description: (_, durations) =>
      `${whyOpened(COST)} ${SHARE} of the ${numberOf(requests)} requests/s reuse a connection, down from ${shareOf(yesterday(durations, '{%s}'))} at this hour yesterday.`,
    panel: 'Reuse, by server',
    inhibits: CONSEQUENCES,
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
      `${whyOpened(`${VALUE} new connections/s from one instance`)} At ${newConnections.exhaustion}/s, its host runs out of local ports.${topInstanceByRate(prometheusName('connmeter.connection.opened', transport), durations)}`,
    panel: 'Connections opened, by cause',
    inhibits: ['ConnmeterOneShotConnections', 'ConnmeterTlsNotResumed', 'ConnmeterDnsRateHigh'],
  },
  {
    name: 'ConnmeterOneShotConnections',
    severity: 'info',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(oneShot.share)} of the connections that close served at most one request, reuse ratio below ${percent(reuse.good)}, ${IF_COSTLY}`,
    // If most requests reuse a connection, a few short-lived ones cost nothing: the spare connections of a burst, for example.
    expr: () => `${RECORDED.oneShot}{${ONE_SERVER}} > ${oneShot.share}
and ${RECORDED.reuse} < ${reuse.good}
and ${COSTLY}`,
    summary: 'Most connections to a server close after one request, or without any.',
    description: () => `${whyClosed(COST)} ${SHARE} of the connections that close have served at most one request.`,
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
      `${ROUTE}: the program creates a new client for ${SHARE} of its ${numberOf(requests)} requests/s. Fix: create one client when the program starts, and share it.`,
    panel: 'Connections opened, by cause',
    inhibits: LITTLE_REUSE,
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
      `${ROUTE}: unread response bodies hold ${VALUE} of the ${numberOf(open)} open connections, so the program opens ${COST}. Fix: read or cancel every body, with response.resume() (node:http) or await response.text() (fetch). If bodies hold all connections, requests wait forever.`,
    panel: 'Connections held by unread bodies',
    inhibits: [...LITTLE_REUSE, 'ConnmeterPoolSaturated'],
  },
];
