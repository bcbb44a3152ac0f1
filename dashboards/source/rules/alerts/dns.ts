import { OTHER } from '../../../../src/core/errors.ts';
import { prometheusName } from '../../metric-names.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { by, RECORDED } from '../recorded-series.ts';
import { DURATION, JOB, NAME, numberOf, SHARE, TOP_NAME, topError, topInstanceByRate, VALUE } from '../templates.ts';
import { type Alert, shareAbove } from './alert.ts';

const { dns, failures } = THRESHOLDS;

/** Excludes the names past `maxOrigins`, which are counted together. */
const ONE_NAME = `dns_question_name!="${OTHER}"`;
const FAILED_LOOKUPS = `sum ${by('job_name')} (${RECORDED.lookupsByError}{${ONE_NAME},error_type!=""})`;

const FIXES = {
  ENOTFOUND: 'correct the name, or restore its DNS record',
  EAI_AGAIN: 'check the DNS server, which does not answer',
  timeout: 'check the DNS server, which does not answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'check the DNS server, which does not answer in time',
};

/** Alerts about DNS lookups. */
export const DNS_ALERTS: readonly Alert[] = [
  {
    name: 'ConnmeterDnsRateHigh',
    severity: 'warning',
    level: 'job',
    for: 'defaultFor',
    when: `more than ${dns.high} lookups/s from one instance`,
    expr: () => `${RECORDED.lookupsMaxPerInstance} > ${dns.high}`,
    summary: 'An instance makes so many DNS lookups that the DNS server may drop them.',
    description: (transport, durations) =>
      `An instance of ${JOB} makes ${VALUE} DNS lookups/s.${topInstanceByRate(`${prometheusName('dns.lookup.duration', transport)}_count`, durations)}${TOP_NAME} Fix: reuse connections, then cache lookups.`,
    panel: 'DNS lookups, by name',
  },
  {
    name: 'ConnmeterDnsSlow',
    severity: 'warning',
    level: 'job',
    for: 'defaultFor',
    when: `95th percentile of the lookup time above ${dns.slow} s, with at least ${dns.minLookups} lookups/s`,
    expr: () => `${RECORDED.lookupDuration} > ${dns.slow}\nand ${RECORDED.lookups} >= ${dns.minLookups}`,
    summary: 'DNS lookups are slow.',
    description: () =>
      `${JOB} makes ${numberOf(RECORDED.lookups)} DNS lookups/s, and 5% of them take ${DURATION} or longer.${TOP_NAME} Fix: make fewer lookups. If all names are slow, check the DNS server or raise UV_THREADPOOL_SIZE.`,
    panel: 'Lookup time by name, p95',
  },
  {
    name: 'ConnmeterDnsFailing',
    severity: 'warning',
    level: 'job_name',
    for: 'defaultFor',
    when: `more than ${percent(failures.share)} of the lookups of a name fail, at more than ${failures.minRate}/s`,
    expr: () => shareAbove(FAILED_LOOKUPS, RECORDED.lookupsByName, failures),
    summary: 'DNS lookups of a name fail.',
    description: () =>
      `${SHARE} of the DNS lookups of ${NAME} by ${JOB} fail (${numberOf(RECORDED.lookupsByName)} lookups/s).${topError(RECORDED.lookupsByError, 'error_type!=""', FIXES)}`,
    panel: 'Failed lookups',
  },
];
