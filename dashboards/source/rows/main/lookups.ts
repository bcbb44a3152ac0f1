import { graph } from '../../grafana/graph.ts';
import type { PromQL } from '../../promql.ts';

/** DNS lookups per second. */
export function lookups(promql: PromQL) {
  return graph({
    title: 'DNS lookups, by name',
    size: [6, 9],
    description: {
      what: 'DNS lookups per second, for new connections and by the program’s own code. Answers from a cache are not counted. The variable Server does not filter them, because a lookup has a name but no server.',
      good: 'far below the request rate, and steady when traffic grows.',
      bad: 'one per request. The DNS server gets the lookups of all instances, and may refuse or drop some.',
      action:
        'reuse connections to the first name of the legend, because each new one needs a lookup. Then cache lookups.',
      docs: 'metrics.md#dnslookupduration',
    },
    unit: 'cps',
    noValue: 'No lookups in this time range',
    stack: true,
    calcs: ['mean'],
    queries: [{ expr: promql.rate('dns.lookup.duration', 'dns_question_name'), legend: '{{dns_question_name}}' }],
  });
}
