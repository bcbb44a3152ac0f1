import { STATE_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { SERVER_OF_SERIES } from '../../links.ts';
import { type PromQL, SERVER, SERVER_LEGEND } from '../../promql.ts';
import { lifetimeGraph } from '../lifetime-graph.ts';

export const pool: Row<PromQL> = {
  id: 400,
  title: 'Connection pool',
  panels: promql => [
    graph({
      title: 'Open connections, by state',
      size: [6, 9],
      description: {
        what: 'HTTP connections that are open now. `active` ones have a request, `idle` ones have none.',
        good: 'follows the traffic and levels off, with some idle connections.',
        bad: '`active` grows while the request rate does not: unread bodies, or a server that does not answer. `idle` grows without end: clients are created per request and never closed.',
        action: 'look at the connections held by unread bodies, and at the cause `new_pool` above.',
        docs: 'metrics.md#httpclientopen_connections',
      },
      unit: 'none',
      noValue: 'No HTTP connections in this time range',
      stack: true,
      colours: STATE_COLOURS,
      queries: [
        {
          expr: promql.gauge('http.client.open_connections', 'http_connection_state'),
          legend: '{{http_connection_state}}',
        },
      ],
    }),
    graph({
      title: 'Active requests, by server',
      size: [6, 9],
      description: {
        what: 'Requests that are sent and not finished. Requests that wait for a connection are not counted.',
        good: 'about the request rate times the response time.',
        bad: 'grows while the request rate does not: responses are slow, or their bodies are not read.',
        action:
          'look at the next panel. If it grows too, the program does not read bodies. If not, the server is slow.',
        docs: 'metrics.md#httpclientactive_requests',
      },
      unit: 'none',
      noValue: 'No HTTP requests in this time range',
      stack: true,
      queries: [{ expr: promql.gauge('http.client.active_requests', SERVER), legend: SERVER_LEGEND }],
      link: SERVER_OF_SERIES,
    }),
    graph({
      title: 'Connections held by unread bodies',
      size: [6, 9],
      description: {
        what: 'Connections with a response, of any size, that the program does not read. They cannot serve other requests.',
        good: 'zero.',
        bad: 'stays above zero, or grows. If it reaches the limit of the pool, requests hang.',
        action:
          'read each body to the end, or cancel it. `connections.snapshot()` names the lines of code that do not.',
        docs: 'causes.md#cause-body_held',
      },
      unit: 'none',
      noValue: 'No HTTP connections in this time range',
      stack: true,
      queries: [{ expr: promql.gauge('connmeter.body.held', SERVER), legend: SERVER_LEGEND }],
      link: SERVER_OF_SERIES,
    }),
    lifetimeGraph(promql, {
      size: [6, 9],
      metric: 'http.client.connection.duration',
      title: 'Lifetime of connections',
      description: {
        what: 'How long HTTP connections are open before they close. Open connections are not counted.',
        good: 'minutes. A connection closes when the shorter of the two idle timeouts ends.',
        bad: 'mostly below a second: each connection serves one request.',
        action: 'look at the reasons above.',
        docs: 'metrics.md#httpclientconnectionduration',
      },
      noValue: 'No HTTP connection was closed in this time range',
    }),
  ],
};
