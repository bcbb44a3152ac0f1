import { prometheusName } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { RECORDED } from '../recorded-series.ts';
import { JOB, numberOf, query, SERVER, SHARE, topError, VALUE } from '../templates.ts';
import { type Alert, failed, ONE_SERVER, shareAbove } from './alert.ts';

const { failures, hanging } = THRESHOLDS;
const { attempted, pending } = RECORDED;

const REFUSED = 'connmeter_phase="connect",error_type="ECONNREFUSED"';
/** Timeouts of the system and of clients, connects that the client gave up, and networks or hosts that cannot be reached. */
const NO_ANSWER =
  'connmeter_phase="connect",error_type=~".*TIMED?OUT.*|timeout|aborted|ECONNABORTED|EHOSTUNREACH|ENETUNREACH"';

const AT_PROXY = 'connmeter_phase="proxy"';

const PROXY_FIXES = {
  403: 'allow the target in the rules of the proxy',
  407: 'give the client a valid user and password for the proxy',
  502: 'check whether the proxy reaches the target',
  503: 'check whether the proxy reaches the target',
  504: 'check whether the proxy reaches the target',
};

/** Alerts about connections that cannot be opened: by TCP, or through a proxy. */
export const CONNECT_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterConnectRefused',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(failures.share)} of the connection attempts are refused, at more than ${failures.minRate}/s`,
    expr: () => shareAbove(failed(REFUSED), attempted, failures),
    summary: 'A server refuses connections.',
    description: () =>
      `${SERVER} refuses ${SHARE} of the connection attempts from ${JOB} (${numberOf(attempted)} attempts/s): nothing listens on the port. Fix: start the server, or correct the address.`,
    panel: 'Failed connections, by server and error',
  },
  {
    name: 'ConnmeterConnectTimedOut',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(failures.share)} of the connection attempts get no answer, at more than ${failures.minRate}/s`,
    expr: () => shareAbove(failed(NO_ANSWER), attempted, failures),
    summary: 'Connection attempts to a server time out.',
    description: () =>
      `${SHARE} of the connection attempts from ${JOB} to ${SERVER} get no answer or find no route (${numberOf(attempted)} attempts/s).${topError(RECORDED.failedByError, NO_ANSWER)} Fix: check firewalls and routes, and whether the server is overloaded.`,
    panel: 'Failed connections, by server and error',
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
      `${VALUE} connections from ${JOB} to ${SERVER} hang before they are open.${query(`topk(1, sum by (connmeter_phase) (${prometheusName('connmeter.connection.pending', transport)}{%s}))`, ' Most are in phase {{ .Labels.connmeter_phase }}.')} Fix: check the server, and set a timeout in the client, which has none.`,
    panel: 'Connections being opened',
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
      `${SHARE} of the connections from ${JOB} to the proxy ${SERVER} get no tunnel (${numberOf(attempted)} attempts/s).${topError(RECORDED.failedByError, AT_PROXY, PROXY_FIXES)}`,
    panel: 'Failed connections, by server and error',
  },
];
