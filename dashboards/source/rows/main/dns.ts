import { PHASE_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/panels.ts';
import type { Row } from '../row.ts';

const NAME = '{{dns_question_name}}';

export const dns: Row = {
  id: 500,
  title: 'DNS',
  panels: ask => [
    graph({
      title: 'Lookups, by name',
      size: [6, 9],
      explained: {
        what: 'Names looked up per second, whoever asked. What a cache answers is not counted.',
        good: 'far fewer than requests, and level when traffic grows.',
        bad: 'one for each request. All instances ask the same DNS server, which may begin to drop.',
        act: 'keep connections to the name on top; else cache its lookups.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 'cps',
      empty: 'No lookups in this time range',
      stack: true,
      calcs: ['mean'],
      queries: [{ expr: ask.rate('dns.lookup.duration', 'dns_question_name'), legend: NAME }],
    }),
    graph({
      title: 'Lookup time by name, p95',
      size: [6, 9],
      explained: {
        what: 'How long lookups of each name took: 95 % less than this, estimated within the buckets of the histogram.',
        good: 'a few milliseconds, all names alike.',
        bad: 'one name slow: its zone or server. All slow: the resolver, or Node’s four threads for lookups.',
        act: 'try the name with `dig` on the host; raise `UV_THREADPOOL_SIZE` where all are slow at once.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 's',
      empty: 'No lookups in this time range',
      calcs: ['max'],
      queries: [{ expr: ask.quantile(0.95, 'dns.lookup.duration', 'dns_question_name'), legend: NAME }],
    }),
    graph({
      title: 'Failed lookups',
      size: [6, 9],
      explained: {
        what: 'Lookups per second that failed, where a connection asked for them, by name and error.',
        good: 'none.',
        bad: '`ENOTFOUND`: there is no such name. `EAI_AGAIN`: the resolver does not answer.',
        act: 'for `ENOTFOUND`, correct the name; for `EAI_AGAIN`, look at the DNS server and how many lookups it gets.',
        docs: 'metrics.md#dnslookupduration',
      },
      unit: 'cps',
      empty: 'No lookup failed in this time range',
      calcs: ['mean'],
      queries: [
        {
          expr: ask.rate('dns.lookup.duration', 'dns_question_name, error_type', { error_type: '.+' }),
          legend: `${NAME} {{error_type}}`,
        },
      ],
    }),
    graph({
      title: 'Lookups in flight',
      size: [6, 9],
      explained: {
        what: 'Names being looked up now for a connection.',
        good: 'zero in nearly every scrape.',
        bad: 'stays up: the resolver does not answer, or Node’s threads for lookups are all taken.',
        act: 'compare with lookup time; raise `UV_THREADPOOL_SIZE`, or ask for fewer lookups.',
        docs: 'metrics.md#connmeterdnspending',
      },
      unit: 'none',
      empty: 'No process is measured in this time range',
      colours: { 'in flight': PHASE_COLOURS.dns },
      queries: [{ expr: ask.now('connmeter.dns.pending'), legend: 'in flight' }],
    }),
  ],
};
