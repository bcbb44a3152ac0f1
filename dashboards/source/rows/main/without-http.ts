import { REASON_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { explanationOf, SERVER_OF_SERIES } from '../../links.ts';
import { type PromQL, SERVER, SERVER_LEGEND } from '../../promql.ts';

const WITHOUT_HTTP = { network_protocol_name: null } as const;
const NO_VALUE = 'No connections without HTTP in this time range';

/** Connections of clients that are not HTTP clients: databases, caches, message brokers. */
export const withoutHttp: Row<PromQL> = {
  id: 450,
  title: 'Connections without HTTP',
  panels: promql => [
    graph({
      title: 'Open connections without HTTP, by server',
      size: [8, 9],
      description: {
        what: 'Connections to databases, caches and other servers without HTTP that are open now.',
        good: 'at most the size of the pool times the number of instances, and level.',
        bad: 'grows for hours: clients are created and never closed. The server refuses connections when it has too many.',
        action: 'create one pool when the program starts, and share it.',
        docs: 'databases.md#a-leak',
      },
      unit: 'none',
      noValue: NO_VALUE,
      stack: true,
      queries: [{ expr: promql.gauge('connmeter.open_connections', SERVER), legend: SERVER_LEGEND }],
      link: SERVER_OF_SERIES,
    }),
    graph({
      title: 'New connections without HTTP, by server',
      size: [8, 9],
      description: {
        what: 'Connections opened per second to servers without HTTP.',
        good: 'close to zero, except when a process starts.',
        bad: 'follows the rate of queries: the program connects for each of them.',
        action: 'use a pool. If there is one, look at the reasons in the next panel.',
        docs: 'databases.md#a-client-per-query',
      },
      unit: 'cps',
      noValue: NO_VALUE,
      stack: true,
      queries: [{ expr: promql.rate('connmeter.connection.opened', SERVER, WITHOUT_HTTP), legend: SERVER_LEGEND }],
      link: SERVER_OF_SERIES,
    }),
    graph({
      title: 'Connections without HTTP closed, by reason',
      size: [8, 9],
      description: {
        what: 'Connections to servers without HTTP that close, per second, and why.',
        good: 'close to zero, except when a process ends.',
        bad: '`client_closed`: the program closes its clients, or its pool does so with idle connections. `peer_closed`: the server ends them, because it restarts or its idle timeout is shorter than that of the pool, or because the driver asks it to.',
        action: 'the docs have the fix for each reason.',
        docs: 'databases.md#idle-timeouts',
      },
      unit: 'cps',
      noValue: 'No connection without HTTP was closed in this time range',
      stack: true,
      colours: REASON_COLOURS,
      link: explanationOf('reason'),
      queries: [
        {
          expr: promql.rate('connmeter.connection.closed', 'connmeter_close_reason', WITHOUT_HTTP),
          legend: '{{connmeter_close_reason}}',
        },
      ],
    }),
  ],
};
