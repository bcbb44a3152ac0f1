import { percent, THRESHOLDS } from '../../thresholds.ts';
import { RECORDED } from '../recorded-series.ts';
import { JOB, numberOf, SERVER, SHARE, topError } from '../templates.ts';
import { type Alert, failed, shareAbove } from './alert.ts';

const { failures } = THRESHOLDS;
const { attempted } = RECORDED;

const REFUSED = 'connmeter_phase="connect",error_type="ECONNREFUSED"';
/** Timeouts, and networks or hosts that cannot be reached. */
const NO_ANSWER = 'connmeter_phase="connect",error_type=~".*TIMED?OUT.*|EHOSTUNREACH|ENETUNREACH"';

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
      `${SHARE} of the connection attempts from ${JOB} to ${SERVER} time out or find no route (${numberOf(attempted)} attempts/s).${topError(RECORDED.failedByError, NO_ANSWER)} Fix: check firewalls and routes, and whether the server is overloaded.`,
    panel: 'Failed connections, by server and error',
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
