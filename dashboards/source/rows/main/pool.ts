import { NEUTRAL, STATE_COLOURS } from '../../grafana/colours.ts';
import { graph } from '../../grafana/panels.ts';
import { THIS_SERVER } from '../../links.ts';
import { SERVER, SERVER_LEGEND } from '../../promql.ts';
import type { Row } from '../row.ts';

export const pool: Row = {
  id: 400,
  title: 'Pool',
  panels: ask => [
    graph({
      title: 'Open connections, by state',
      size: [6, 9],
      explained: {
        what: 'HTTP connections open now: `active` with a request on them, `idle` without.',
        good: 'follows the traffic and levels off, with some idle ones in reserve.',
        bad: '`active` grows while requests do not: bodies that nobody reads, or a server that does not answer. `idle` grows without end: clients are made per request, and never closed.',
        act: 'look at held bodies beside this, and at the cause `new_pool` above.',
        docs: 'metrics.md#httpclientopen_connections',
      },
      unit: 'none',
      empty: 'No HTTP connections in this time range',
      stack: true,
      colours: STATE_COLOURS,
      queries: [
        {
          expr: ask.now('http.client.open_connections', 'http_connection_state'),
          legend: '{{http_connection_state}}',
        },
      ],
    }),
    graph({
      title: 'Active requests, by server',
      size: [6, 9],
      explained: {
        what: 'Requests sent and not finished. Those that wait in a pool for a connection are not among them.',
        good: 'about request rate times response time.',
        bad: 'grows while the request rate does not: answers are slow, or their bodies are not read.',
        act: 'compare with held bodies: if they grow too, it is the program, else the server.',
        docs: 'metrics.md#httpclientactive_requests',
      },
      unit: 'none',
      empty: 'No HTTP requests in this time range',
      stack: true,
      queries: [{ expr: ask.now('http.client.active_requests', SERVER), legend: SERVER_LEGEND }],
      link: THIS_SERVER,
    }),
    graph({
      title: 'Held bodies, by server',
      size: [6, 9],
      explained: {
        what: 'Connections whose response has begun to arrive while the program does not read it. The pool cannot use them for anything else.',
        good: 'zero.',
        bad: 'stays up, or grows.',
        act: 'read each body to its end, or cancel it. `connections.snapshot()` names the lines of the program that left them.',
        docs: 'causes.md#cause-body_held',
      },
      unit: 'none',
      empty: 'No HTTP connections in this time range',
      stack: true,
      queries: [{ expr: ask.now('connmeter.body.held', SERVER), legend: SERVER_LEGEND }],
      link: THIS_SERVER,
    }),
    graph({
      title: 'Lifetime of a connection',
      size: [6, 9],
      explained: {
        what: 'How long HTTP connections had been open when they closed. One that never closes is not in it.',
        good: 'minutes, or as long as the shorter of the two idle timeouts after the last request.',
        bad: 'most below a second: they serve one request and die.',
        act: 'look at the reasons above.',
        docs: 'metrics.md#httpclientconnectionduration',
      },
      unit: 's',
      empty: 'No HTTP connection was closed in this time range',
      calcs: ['lastNotNull', 'max'],
      colours: { p50: NEUTRAL, p95: STATE_COLOURS.idle },
      queries: [0.5, 0.95].map(quantile => ({
        expr: ask.quantile(quantile, 'http.client.connection.duration'),
        legend: `p${quantile * 100}`,
      })),
    }),
  ],
};
