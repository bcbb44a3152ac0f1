import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { SERVER_OF_SERIES } from '../../links.ts';
import { type PromQL, SERVER, SERVER_LEGEND } from '../../promql.ts';

export const races: Row<PromQL> = {
  id: 1100,
  title: 'Keep-alive races: who gives up first?',
  panels: promql => [
    graph({
      title: 'Requests that failed, by server',
      size: [8, 9],
      description: {
        what: 'Requests per second that were sent and failed, by server and by what happened to their connection. `reused`: it had served a request before.',
        good: 'zero.',
        bad: '`reused closed` and `reused reset`: the server closed an idle connection just when a request was sent on it. `timeout`: the server is slower than the client allows. `new closed`: the server or a proxy refuses requests.',
        action:
          'let the client give up idle connections before the server does. The alert has the limit of the server.',
        docs: 'metrics.md#connmeterrequestsfailed',
      },
      unit: 'reqps',
      noValue: 'No request failed in this time range',
      calcs: ['mean', 'max'],
      link: SERVER_OF_SERIES,
      queries: [
        {
          expr: `${promql.rate('connmeter.requests.failed', `${SERVER}, error_type`, { connmeter_connection_reused: 'true' })} > 0`,
          legend: `${SERVER_LEGEND} reused {{error_type}}`,
        },
        {
          expr: `${promql.rate('connmeter.requests.failed', `${SERVER}, error_type`, { connmeter_connection_reused: 'false' })} > 0`,
          legend: `${SERVER_LEGEND} new {{error_type}}`,
        },
      ],
    }),
    graph({
      title: 'Idle connections, by what ended that',
      size: [8, 9],
      description: {
        what: 'How the idle time of connections ended, per second: with the next request (from 0.1 s up), or because the client or the server closed them.',
        good: '`reused`, and `client`.',
        bad: '`server`: each of these closes may hit a request that is just being sent.',
        action: 'give the client a shorter limit than the server has, see the next panel.',
        docs: 'metrics.md#connmeterconnectionidle_time',
      },
      unit: 'cps',
      noValue: 'No connection was idle in this time range',
      stack: true,
      queries: [
        {
          expr: `${promql.rate('connmeter.connection.idle_time', 'connmeter_idle_end')} > 0`,
          legend: '{{connmeter_idle_end}}',
        },
      ],
    }),
    graph({
      title: 'Idle limits of servers',
      size: [8, 9],
      description: {
        what: 'After how many idle seconds each server closes connections, as at least 20 of its closes have shown.',
        good: 'no line, or a line above the idle limit of the client.',
        bad: 'a line below the idle limit of the client: requests are lost now and then.',
        action: 'set the limit of the client below the line, or raise that of the server.',
        docs: 'metrics.md#connmeterconnectionidle_limit',
      },
      unit: 's',
      noValue: 'No server has closed enough idle connections',
      calcs: ['lastNotNull'],
      link: SERVER_OF_SERIES,
      queries: [{ expr: promql.largest('connmeter.connection.idle_limit', SERVER), legend: SERVER_LEGEND }],
    }),
  ],
};
