import { percent, THRESHOLDS } from '../../thresholds.ts';
import { RECORDED } from '../recorded-series.ts';
import { numberOf, ROUTE, SHARE, TOP_CAUSE, topError } from '../templates.ts';
import { type Alert, failed, ONE_SERVER, shareAbove } from './alert.ts';

const { failures, tls } = THRESHOLDS;
const { attempted, handshakes, instancesOfServer } = RECORDED;

const IN_TLS = 'connmeter_phase="tls"';

const FIXES = {
  CERT_HAS_EXPIRED: 'renew the certificate of the server',
  ERR_TLS_CERT_ALTNAME_INVALID: 'correct the address; the certificate is for another name',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'make the server send its intermediate certificates',
  timeout: 'check the server, which accepts the connection but does not answer the handshake',
  UND_ERR_CONNECT_TIMEOUT: 'check the server, which accepts the connection but does not answer the handshake',
  SELF_SIGNED_CERT_IN_CHAIN: 'add the private authority to NODE_EXTRA_CA_CERTS',
};

/** Alerts about TLS handshakes. */
export const TLS_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterTlsFailing',
    severity: 'warning',
    level: 'job_server',
    for: 'defaultFor',
    when: `more than ${percent(failures.share)} of the connection attempts fail in the TLS handshake, at more than ${failures.minRate}/s`,
    expr: () => shareAbove(failed(IN_TLS), attempted, failures),
    summary: 'TLS handshakes with a server fail.',
    description: () =>
      `${ROUTE}: ${SHARE} of ${numberOf(attempted)} connection attempts/s fail in the TLS handshake.${topError(RECORDED.failedByError, IN_TLS, FIXES, 'look up the error in the runbook, and check the certificate of the server')}`,
    panel: 'Failed connections, by server and error',
    inhibits: ['ConnmeterPoolSaturated', 'ConnmeterTlsNotResumed'],
  },
  {
    name: 'ConnmeterTlsNotResumed',
    severity: 'info',
    level: 'job_server',
    for: 'defaultFor',
    when: `less than ${percent(tls.resumed)} of the TLS handshakes resume a session, with at least ${tls.minHandshakes} handshakes/s per instance`,
    expr: () => `${RECORDED.resumed}{${ONE_SERVER}} < ${tls.resumed}
and ${handshakes} / ${instancesOfServer} >= ${tls.minHandshakes}`,
    summary: 'TLS sessions with a server are not resumed.',
    description: () =>
      `${ROUTE}: only ${SHARE} of ${numberOf(handshakes)} TLS handshakes/s resume a session. The others are full handshakes.${TOP_CAUSE}`,
    panel: 'TLS sessions resumed',
  },
];
