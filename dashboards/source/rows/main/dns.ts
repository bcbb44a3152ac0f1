import { PHASE_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import type { PromQL } from '../../promql.ts';

const NAME = '{{dns_question_name}}';

export const dns: Row<PromQL> = {
  id: 500,
  title: 'DNS',
  panels: promql => [
    graph({
      title: 'Lookup time by name, p95',
      size: [6, 9],
      description: {
        what: 'The 95th percentile of the lookup time, estimated from histogram buckets.',
        good: 'a few milliseconds for every name.',
        bad: 'one name is slow: its name servers are slow. All names are slow: the DNS server, or lookups that wait, because Node runs two at a time.',
        action: 'look up the name with `dig` on the host. If all names are slow at once, raise `UV_THREADPOOL_SIZE`.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 's',
      noValue: 'No lookups in this time range',
      calcs: ['max'],
      queries: [{ expr: promql.quantile(0.95, 'dns.lookup.duration', 'dns_question_name'), legend: NAME }],
    }),
    graph({
      title: 'Failed lookups',
      size: [6, 9],
      description: {
        what: 'DNS lookups for new connections that fail or are given up, per second, by name and error.',
        good: 'zero.',
        bad: '`ENOTFOUND`: the name does not exist. `EAI_AGAIN`: the DNS server does not answer. `timeout`, `aborted`: the client gave up before it did.',
        action: 'for `ENOTFOUND`, correct the name. For the others, check the DNS server and how many lookups it gets.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 'cps',
      noValue: 'No lookup failed in this time range',
      calcs: ['mean'],
      queries: [
        {
          expr: promql.rate('dns.lookup.duration', 'dns_question_name, error_type', { error_type: '.+' }),
          legend: `${NAME} {{error_type}}`,
        },
      ],
    }),
    graph({
      title: 'Pending lookups',
      size: [6, 9],
      description: {
        what: 'DNS lookups in progress: for new connections, by the program’s own code, and those that still run after their client gave up.',
        good: 'zero in nearly every scrape.',
        bad: 'stays above zero: the DNS server does not answer. Above two: lookups wait, because Node runs two at a time.',
        action: 'compare with the lookup time. Raise `UV_THREADPOOL_SIZE`, or make fewer lookups.',
        docs: 'metrics.md#connmeterdnspending',
      },
      unit: 'none',
      noValue: 'No process sent metrics in this time range',
      colours: { pending: PHASE_COLOURS.dns },
      queries: [{ expr: promql.gauge('connmeter.dns.pending'), legend: 'pending' }],
    }),
    graph({
      title: 'Lookups that a cache would save',
      size: [6, 9],
      description: {
        what: 'Lookups per second of names that were looked up within 1 s, or within 30 s before. The second includes the first.',
        good: 'close to zero.',
        bad: 'close to all lookups: nearly each of them asks for what is known already.',
        action: 'reuse connections. What is left can be cached, for example with `interceptors.dns()` of undici.',
        docs: 'metrics.md#connmeterdnsrepeated',
      },
      unit: 'cps',
      noValue: 'No lookups in this time range',
      queries: [
        {
          expr: promql.rate('connmeter.dns.repeated', 'connmeter_dns_within'),
          legend: 'within {{connmeter_dns_within}}',
        },
        { expr: promql.rate('dns.lookup.duration'), legend: 'all' },
      ],
    }),
  ],
};
