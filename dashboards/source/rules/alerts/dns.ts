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
      `${JOB}: ${VALUE} DNS lookups/s from one instance. Fix: reuse connections, then cache lookups.${TOP_NAME}${topInstanceByRate(`${prometheusName('dns.lookup.duration', transport)}_count`, durations)}`,
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
      `${JOB}: 5% of ${numberOf(RECORDED.lookups)} DNS lookups/s take ${DURATION} or longer. Fix: make fewer lookups. If all names are slow, check the DNS server or raise UV_THREADPOOL_SIZE.${TOP_NAME}`,
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
      `${JOB} → ${NAME}: ${SHARE} of ${numberOf(RECORDED.lookupsByName)} DNS lookups/s fail.${topError(RECORDED.lookupsByError, 'error_type!=""', FIXES, 'check the name and the DNS server')}`,
    panel: 'Failed lookups',
    inhibits: ['ConnmeterDnsSlow'],
  },
];
