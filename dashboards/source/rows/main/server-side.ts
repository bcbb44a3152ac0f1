import {
  ARRIVAL_COLOURS,
  BAD,
  HANDSHAKE_COLOURS,
  NEUTRAL,
  PLAIN,
  SERVED_COLOURS,
  SERVER_REASON_COLOURS,
  STATE_COLOURS,
} from '../../grafana/colours.ts';
import { graph, steps } from '../../grafana/panels.ts';
import { explanationOf } from '../../links.ts';
import { SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { THRESHOLDS } from '../../thresholds.ts';
import { served } from '../requests-per-connection.ts';
import type { Row } from '../row.ts';

const { good, bad } = THRESHOLDS.reuse;
const HANDSHAKES = 'connmeter.server.tls.handshake.duration';
const NOT_MEASURED = 'No server of these processes had any in this time range';

export const serverSide: Row = {
  id: 700,
  title: 'Server side: who comes back?',
  panels: ask => [
    graph({
      title: 'Accepted and refused',
      size: [8, 9],
      explained: {
        what: 'Connections per second that servers of these processes accepted, and that they refused as they had as many as they may (`maxConnections`).',
        good: 'accepted far below the request rate, and level; none refused.',
        bad: 'accepted follows the requests: clients, or this server, keep nothing. Any refused: clients are turned away.',
        act: 'look at the reasons beside this. For refused ones: raise the limit, or see why connections are not reused.',
        docs: 'both-sides.md#opened-is-accepted',
      },
      unit: 'cps',
      empty: NOT_MEASURED,
      colours: ARRIVAL_COLOURS,
      queries: [
        { expr: ask.rate('connmeter.server.connection.accepted'), legend: 'accepted' },
        { expr: ask.rate('connmeter.server.connection.refused'), legend: 'refused' },
      ],
    }),
    graph({
      title: 'Accepted and closed, by reason',
      size: [8, 9],
      explained: {
        what: 'Accepted connections that were closed, per second, and who ended them why.',
        good: '`client_closed_idle`: the client let go of what it did not need; `server_shutdown` as a new version is rolled out.',
        bad: 'orange: this server hangs up, as its keep-alive timeout is short or its answers say `Connection: close`. Pink: the client asks for the end. Purple: requests are given up.',
        act: 'each reason has its fix in the docs; the page of both sides has what the client says of the same.',
        docs: 'both-sides.md#who-closed-and-why-each-says-so',
      },
      unit: 'cps',
      empty: 'No accepted connection was closed in this time range',
      stack: true,
      colours: SERVER_REASON_COLOURS,
      link: explanationOf('served'),
      queries: [
        {
          expr: `${ask.rate('connmeter.server.connection.closed', 'connmeter_close_reason')} > 0`,
          legend: '{{connmeter_close_reason}}',
        },
      ],
    }),
    graph({
      title: 'Reuse at the server, by listener',
      size: [8, 9],
      explained: {
        what: 'Share of the requests received that came on a connection that had carried one before, by the address and port listened on.',
        good: `above ${good * 100} %.`,
        bad: `in the red zone, below ${bad * 100} %: the clients come back on new connections.`,
        act: 'the reasons beside this say who gives connections up.',
        docs: 'both-sides.md#reading-the-two-together',
      },
      unit: 'percentunit',
      max: 1,
      empty: 'No requests were received in this time range',
      zones: true,
      thresholds: steps([null, BAD], [bad, 'transparent']),
      calcs: ['lastNotNull', 'mean'],
      leastFirst: true,
      queries: [
        {
          expr: share(
            ask.rate('connmeter.server.requests', SERVER, { connmeter_connection_reused: 'true' }),
            ask.rate('connmeter.server.requests', SERVER),
          ),
          legend: SERVER_LEGEND,
        },
      ],
    }),
    graph({
      title: 'Accepted and open, by state',
      size: [6, 9],
      explained: {
        what: 'Accepted connections open now: `active` with a request on them, `idle` without; of servers that speak no HTTP, nobody can tell.',
        good: 'follows the number of clients and levels off, most of them idle.',
        bad: '`active` grows while requests do not: handlers that never answer. `idle` grows without end: no keep-alive timeout, or clients that are made per request and never closed.',
        act: 'for `active`, look for what handlers wait for; for `idle`, ask the clients.',
        docs: 'metrics.md#connmeterserverconnectionopen',
      },
      unit: 'none',
      empty: NOT_MEASURED,
      stack: true,
      colours: { ...STATE_COLOURS, 'no HTTP': PLAIN },
      queries: [
        {
          expr: ask.now('connmeter.server.connection.open', 'http_connection_state', { http_connection_state: '.+' }),
          legend: '{{http_connection_state}}',
        },
        {
          expr: ask.now('connmeter.server.connection.open', '', { http_connection_state: null }),
          legend: 'no HTTP',
        },
      ],
    }),
    graph({
      title: 'Accepted, by requests',
      size: [6, 9],
      explained: {
        what: 'Of the accepted HTTP connections that were closed, how many requests had come over each.',
        good: 'most above 10. A connection that never closes is not in it.',
        bad: 'most had one: every request pays for a connection. Many with none: health checks that only connect, or clients that open too many.',
        act: 'look at the reasons above: they say what ended the connections so soon.',
        docs: 'metrics.md#connmeterserverconnectionrequests',
      },
      unit: 'percentunit',
      max: 1,
      empty: 'No accepted HTTP connection was closed in this time range',
      stack: true,
      colours: SERVED_COLOURS,
      calcs: ['mean', 'lastNotNull'],
      queries: served(ask, 'connmeter.server.connection.requests'),
    }),
    graph({
      title: 'Accepted, by lifetime',
      size: [6, 9],
      explained: {
        what: 'How long accepted connections had been open when they closed. One that never closes is not in it.',
        good: 'minutes.',
        bad: 'below a second: one request each. Just above the keep-alive timeout: the server gives them up, and clients that come back need another.',
        act: 'a keep-alive timeout above that of the clients and of the load balancer before this server.',
        docs: 'causes.md#served-keep_alive_timeout',
      },
      unit: 's',
      empty: 'No accepted connection was closed in this time range',
      calcs: ['lastNotNull', 'max'],
      colours: { p50: NEUTRAL, p95: STATE_COLOURS.idle },
      queries: [0.5, 0.95].map(quantile => ({
        expr: ask.quantile(quantile, 'connmeter.server.connection.duration'),
        legend: `p${quantile * 100}`,
      })),
    }),
    graph({
      title: 'TLS handshakes of clients',
      size: [6, 9],
      explained: {
        what: 'TLS handshakes per second that clients began: those that took up an earlier session, those done in full, and those that failed, by error.',
        good: 'few, and most of them `resumed`.',
        bad: 'near the request rate: they are the dearest part of a connection. Failed ones: `ECONNRESET` is a client that does not trust the certificate, or only looks whether somebody listens.',
        act: 'keep connections. Several servers behind one name have to share their ticket keys.',
        docs: 'metrics.md#connmeterservertlshandshakeduration',
      },
      unit: 'cps',
      empty: 'No TLS handshakes in this time range',
      stack: true,
      colours: HANDSHAKE_COLOURS,
      queries: [
        { expr: ask.rate(HANDSHAKES, '', { tls_resumed: 'true' }), legend: 'resumed' },
        { expr: ask.rate(HANDSHAKES, '', { tls_resumed: 'false' }), legend: 'full' },
        { expr: ask.rate(HANDSHAKES, 'error_type', { error_type: '.+' }), legend: '{{error_type}}' },
      ],
    }),
  ],
};
