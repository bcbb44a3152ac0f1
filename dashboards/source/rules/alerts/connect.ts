import { prometheusName } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { RECORDED } from '../recorded-series.ts';
import { numberOf, query, ROUTE, SHARE, topError, VALUE } from '../templates.ts';
import { type Alert, type AlertName, failed, IF_MISSED, missed, ONE_SERVER, shareAbove } from './alert.ts';

const { failures, hanging } = THRESHOLDS;
const { attempted, pending } = RECORDED;

const REFUSED = 'connmeter_phase="connect",error_type="ECONNREFUSED"';
/**
 * All errors but those with an alert of their own. Clients have their own errors for a timeout, such as ECONNABORTED of axios,
 * or a plain Error.
 */
const NO_ANSWER = 'connmeter_phase="connect",error_type!~"ECONNREFUSED|EADDRNOTAVAIL"';

const AT_PROXY = 'connmeter_phase="proxy"';

const NO_ANSWER_FIXES = {
  ENOENT: 'start the server, whose socket file is missing',
  EACCES: 'allow the program to use the socket file or the network',
  EMFILE: 'raise the limit of open files: ulimit -n',
};

const PROXY_FIXES = {
  403: 'allow the target in the rules of the proxy',
  407: 'give the client a valid user and password for the proxy',
  502: 'check whether the proxy reaches the target',
  503: 'check whether the proxy reaches the target',
  504: 'check whether the proxy reaches the target',
};

/** Requests wait because their connection cannot be opened, and the connections that are left break. */
const CONSEQUENCES: readonly AlertName[] = ['ConnmeterPoolSaturated', 'ConnmeterKeepAliveRace'];

/** Alerts about connections that cannot be opened: by TCP, or through a proxy. */
export const CONNECT_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterConnectRefused',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(failures.share)} of the connection attempts are refused, at more than ${failures.minRate}/s, ${IF_MISSED}`,
    expr: (_, durations) =>
      `${shareAbove(failed(REFUSED), attempted, failures)}\nand ${missed(failed(REFUSED), durations)}`,
    summary: 'A server refuses connections.',
    description: () =>
      `${ROUTE}: the server refuses ${SHARE} of ${numberOf(attempted)} connection attempts/s, because nothing listens on the port. Fix: start the server, or correct the address.`,
    panel: 'Failed connections, by server and error',
    inhibits: CONSEQUENCES,
  },
  {
    name: 'ConnmeterConnectTimedOut',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(failures.share)} of the connection attempts fail with an error other than ECONNREFUSED and EADDRNOTAVAIL, at more than ${failures.minRate}/s, ${IF_MISSED}`,
    expr: (_, durations) =>
      `${shareAbove(failed(NO_ANSWER), attempted, failures)}\nand ${missed(failed(NO_ANSWER), durations)}`,
    summary: 'Connection attempts to a server fail, most without an answer.',
    description: () =>
      `${ROUTE}: ${SHARE} of ${numberOf(attempted)} connection attempts/s fail.${topError(RECORDED.failedByError, NO_ANSWER, NO_ANSWER_FIXES, 'check firewalls and routes, and whether the server is overloaded')}`,
    panel: 'Failed connections, by server and error',
    inhibits: CONSEQUENCES,
  },
  {
    name: 'ConnmeterConnectionsHang',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `on average at least ${hanging.minCount} connections to a server are being opened, for more than ${hanging.seconds} s each`,
    // Their number divided by their rate is the time that each takes. Where none opens or fails, there is no rate.
    expr: () =>
      `${pending}{${ONE_SERVER}} >= ${hanging.minCount}\nand ${pending} > ${hanging.seconds} * (${attempted} or 0 * ${pending})`,
    summary: 'Connections to a server neither open nor fail.',
    description: transport =>
      `${ROUTE}: ${VALUE} connections hang before they are open.${query(`topk(1, sum by (connmeter_phase) (${prometheusName('connmeter.connection.pending', transport)}{%s}))`, ' Most are in phase {{ .Labels.connmeter_phase }}.')} Fix: check the server, and set a timeout in the client, which has none.`,
    panel: 'Connections being opened',
    inhibits: CONSEQUENCES,
  },
  {
    name: 'ConnmeterProxyRefusing',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(failures.share)} of the connections to a proxy get no tunnel, at more than ${failures.minRate}/s`,
    expr: () => shareAbove(failed(AT_PROXY), attempted, failures),
    summary: 'A proxy refuses tunnels.',
    description: () =>
      `${ROUTE}: the proxy refuses ${SHARE} of ${numberOf(attempted)} tunnels/s.${topError(RECORDED.failedByError, AT_PROXY, PROXY_FIXES, 'look at the log of the proxy')}`,
    panel: 'Failed connections, by server and error',
    inhibits: CONSEQUENCES,
  },
];
