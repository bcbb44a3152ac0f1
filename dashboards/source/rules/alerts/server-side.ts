import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by, RECORDED } from '../recorded-series.ts';
import { LISTENER, numberOf, query, SHARE, shareOf } from '../templates.ts';
import { type Alert, ONE_SERVER } from './alert.ts';

const { reuse, server } = THRESHOLDS;
const { accepted, received } = RECORDED;

/** By the server, or by clients that follow its hint. */
const REASONS = 'keep_alive_timeout|keep_alive_hint_too_short';
const CLOSED_BY_TIMEOUT = `sum ${by('job_server')} (${RECORDED.acceptedClosedByReason}{${ONE_SERVER},connmeter_close_reason=~"${REASONS}"})`;

/** Alerts about the servers of a job. */
export const SERVER_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterServerClosesIdleConnectionsEarly',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(server.share)} of the connections of a server end because of its keep-alive timeout, at least ${server.minRate}/s, most within ${server.shortKeepAlive} s, and less than ${percent(reuse.bad)} of its requests reuse a connection`,
    // With `detail: 'basic'`, the lifetime of connections is not known.
    expr: () => `${CLOSED_BY_TIMEOUT} / (${accepted} > 0) > ${server.share}
and ${CLOSED_BY_TIMEOUT} >= ${server.minRate}
unless ${RECORDED.acceptedShortLived} <= ${server.share}
and ${RECORDED.receivedReuse} < ${reuse.bad}`,
    summary: 'A server closes idle connections before its clients can reuse them.',
    description: () =>
      `${LISTENER}: the keep-alive timeout of the server ends ${SHARE} of the ${numberOf(accepted)} connections/s that it accepts${query(`${RECORDED.acceptedShortLived}{%s}`, `, most within ${server.shortKeepAlive} s`)}. Fix: raise it: server.keepAliveTimeout = 65_000. Only ${shareOf(`${RECORDED.receivedReuse}{%s}`)} of its ${numberOf(received)} requests/s reuse a connection.`,
    panel: 'Accepted connections closed, by reason',
    listens: true,
  },
];
