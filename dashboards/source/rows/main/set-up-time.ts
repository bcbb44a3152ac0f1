import { PHASE_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import { labelled, type PromQL, SERVER } from '../../promql.ts';

const DNS = 'dns.lookup.duration';
const CONNECT = 'connmeter.connect.duration';
const TLS = 'connmeter.tls.handshake.duration';

const PHASES = [
  { name: 'DNS', metric: DNS, colour: PHASE_COLOURS.dns },
  { name: 'TCP connect', metric: CONNECT, colour: PHASE_COLOURS.connect },
  { name: 'TLS handshake', metric: TLS, colour: PHASE_COLOURS.tls },
] as const;

const p95 = (promql: PromQL, metric: string, by = '') => `(${promql.quantile(0.95, metric, by)})`;

/** The sum of the 95th percentiles of the phases. Nothing if no connection was opened. With `detail: 'basic'`, only DNS is known. */
export function setUpTime(promql: PromQL): string {
  const phases = PHASES.map(({ metric }) => p95(promql, metric));
  const none = `0 * (${phases.join(' or ')})`;
  return phases.map(phase => `(${phase} or ${none})`).join(' + ');
}

/** The same for each server. Lookups have no server, but a name: that of the server, where a name is dialled. */
export function setUpTimeByServer(promql: PromQL): string {
  const connect = p95(promql, CONNECT, SERVER);
  const named = labelled(p95(promql, DNS, 'dns_question_name'), 'server_address', '$1', 'dns_question_name');
  const ofName = `max by (server_address) (${named})`;
  const none = `0 * max by (server_address) (${connect})`;
  return `(${connect} + on (${SERVER}) (${p95(promql, TLS, SERVER)} or 0 * ${connect})) + on (server_address) group_left () (${ofName} or ${none})`;
}

export function setUpTimeGraph(promql: PromQL) {
  return graph({
    title: 'Set-up time of a connection, p95',
    size: [6, 9],
    description: {
      what: 'The 95th percentiles of the DNS lookup, the TCP connect and the TLS handshake. Their sum is at least what 95 % of the new connections need; a request waits so much longer on such a connection.',
      good: 'a few milliseconds inside a data centre, tens of milliseconds across regions.',
      bad: 'longer than the request itself. A phase that grew says where: the DNS server, the network, or the server.',
      action: 'reuse connections, so that few requests wait. Then look at the slow phase in the row about costs.',
      docs: 'metrics.md#connmeterconnectduration',
    },
    unit: 's',
    noValue: 'No connection was opened in this time range',
    stack: true,
    colours: Object.fromEntries(PHASES.map(({ name, colour }) => [name, colour])),
    calcs: ['mean'],
    queries: PHASES.map(({ name, metric }) => ({ expr: promql.quantile(0.95, metric), legend: name })),
  });
}
