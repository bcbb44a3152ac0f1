import {
  ARRIVAL_COLOURS,
  BACKGROUND,
  HANDSHAKE_COLOURS,
  REQUESTS_COLOURS,
  SERVER_REASON_COLOURS,
  STATE_COLOURS,
} from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { explanationOf } from '../../links.ts';
import { type PromQL, REUSED, SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { percent, THRESHOLDS } from '../../thresholds.ts';
import { lifetimeGraph } from '../lifetime-graph.ts';
import { requestsPerConnection } from '../requests-per-connection.ts';
import { reuseGraph } from '../reuse-panels.ts';

const { good, bad } = THRESHOLDS.reuse;
const HANDSHAKES = 'connmeter.server.tls.handshake.duration';
const NO_CONNECTIONS = 'No server of these processes had connections in this time range';

/** Connections that servers of the process accept. */
export const serverSide: Row<PromQL> = {
  id: 700,
  title: 'Server side',
  collapsed: true,
  panels: promql => [
    graph({
      title: 'Connections accepted and refused',
      size: [8, 9],
      description: {
        what: 'Connections per second that servers of these processes accept. They refuse connections above `maxConnections`.',
        good: 'accepted connections are steady and far below the request rate. None are refused.',
        bad: 'accepted connections follow the request rate: the clients or this server do not keep connections. Refused ones: clients get an error.',
        action:
          'look at the reasons in the next panel. For refused connections, raise the limit or find out why connections are not reused.',
        docs: 'both-sides.md#matching-metrics',
      },
      unit: 'cps',
      noValue: NO_CONNECTIONS,
      colours: ARRIVAL_COLOURS,
      queries: [
        { expr: promql.rate('connmeter.server.connection.accepted'), legend: 'accepted' },
        { expr: promql.rate('connmeter.server.connection.refused'), legend: 'refused' },
      ],
    }),
    graph({
      title: 'Accepted connections closed, by reason',
      size: [8, 9],
      description: {
        what: 'Accepted connections that close, per second, and why.',
        good: '`client_closed_idle`: the client no longer needs the connection. `upgraded`: a WebSocket ended. `never_used`: a spare connection.',
        bad: 'orange and brown: this server closes them or makes clients leave, because its keep-alive timeout is short, or it answers with `Connection: close`. Pink: the client asks the server to close. Purple: requests are aborted. `server_shutdown`: a running process closes them. At a roll-out, the process ends before its last closes can be scraped.',
        action: 'the docs have the fix for each reason. "Read more" shows the matching reasons of the client.',
        docs: 'both-sides.md#matching-close-reasons',
      },
      unit: 'cps',
      noValue: 'No accepted connection was closed in this time range',
      stack: true,
      colours: SERVER_REASON_COLOURS,
      link: explanationOf('served'),
      queries: [
        {
          expr: `${promql.rate('connmeter.server.connection.closed', 'connmeter_close_reason')} > 0`,
          legend: '{{connmeter_close_reason}}',
        },
      ],
    }),
    reuseGraph({
      title: 'Reuse by clients, by listener',
      size: [8, 9],
      description: {
        what: 'Share of the received requests that reuse a connection, by the address and port of the server.',
        good: `above ${percent(good)}.`,
        bad: `below the dashed line, ${percent(bad)}: clients open new connections for many requests.`,
        action: 'look at the reasons in the panel on the left. They say which side closes the connections.',
        docs: 'both-sides.md#using-both-sides-together',
      },
      noValue: 'No requests were received in this time range',
      expr: share(
        promql.rate('connmeter.server.requests', SERVER, REUSED),
        promql.rate('connmeter.server.requests', SERVER),
      ),
      legend: SERVER_LEGEND,
    }),
    graph({
      title: 'Accepted connections open, by state',
      size: [8, 9],
      description: {
        what: 'Accepted connections that are open now. `active` ones have a request, `idle` ones have none. Without HTTP, the state is not known.',
        good: 'follows the number of clients and levels off. Most are idle.',
        bad: '`active` grows while the request rate does not: handlers never respond. `idle` grows without end: there is no keep-alive timeout, or clients are created per request and never closed.',
        action: 'for `active`, find out what the handlers wait for. For `idle`, look at the clients.',
        docs: 'metrics.md#connmeterserverconnectionopen',
      },
      unit: 'none',
      noValue: NO_CONNECTIONS,
      stack: true,
      colours: { ...STATE_COLOURS, 'no HTTP': BACKGROUND },
      queries: [
        {
          expr: promql.gauge('connmeter.server.connection.open', 'http_connection_state', {
            http_connection_state: '.+',
          }),
          legend: '{{http_connection_state}}',
        },
        {
          expr: promql.gauge('connmeter.server.connection.open', '', { http_connection_state: null }),
          legend: 'no HTTP',
        },
      ],
    }),
    graph({
      title: 'Requests per accepted connection',
      size: [8, 9],
      description: {
        what: 'How many requests the closed HTTP connections carried. Open connections are not counted.',
        good: 'most carried more than 10.',
        bad: 'most carried one: every request needs a connection. Many carried none: health checks that only connect, or clients that open too many connections.',
        action: 'look at the reasons above. They say why the connections closed so early.',
        docs: 'metrics.md#connmeterserverconnectionrequests',
      },
      unit: 'percentunit',
      max: 1,
      noValue: 'No accepted HTTP connection was closed in this time range',
      stack: true,
      colours: REQUESTS_COLOURS,
      calcs: ['mean', 'lastNotNull'],
      queries: requestsPerConnection(promql, 'connmeter.server.connection.requests'),
    }),
    lifetimeGraph(promql, {
      size: [8, 9],
      metric: 'connmeter.server.connection.duration',
      title: 'Lifetime of accepted connections',
      description: {
        what: 'How long accepted connections are open before they close. Open connections are not counted.',
        good: 'minutes.',
        bad: 'below a second: one request per connection. Just above the keep-alive timeout: the server closes connections that its clients still need.',
        action: 'make the keep-alive timeout longer than that of the clients and of the load balancer.',
        docs: 'causes.md#served-keep_alive_timeout',
      },
      noValue: 'No accepted connection was closed in this time range',
    }),
    graph({
      title: 'Idle connections of clients, by what ended that',
      size: [8, 9],
      description: {
        what: 'How the idle time of accepted connections ended, per second: with the next request, by the client or by this server. `proxy`: the first request came through a proxy or a load balancer.',
        good: '`reused`, and for proxies `closed by client`.',
        bad: '`proxy closed by server`: a request that the proxy sends at that moment is lost, and its client gets 502. Browsers send it again, so for them it does not matter.',
        action: 'raise the keepAliveTimeout of the server above that of the proxy.',
        docs: 'metrics.md#connmeterserverconnectionidle_time',
      },
      unit: 'cps',
      noValue: 'No accepted connection was idle in this time range',
      stack: true,
      queries: [
        {
          expr: `${promql.rate('connmeter.server.connection.idle_time', 'connmeter_idle_end', { connmeter_client_proxied: 'true' })} > 0`,
          legend: 'proxy {{connmeter_idle_end}}',
        },
        {
          expr: `${promql.rate('connmeter.server.connection.idle_time', 'connmeter_idle_end', { connmeter_client_proxied: 'false' })} > 0`,
          legend: '{{connmeter_idle_end}}',
        },
      ],
    }),
    graph({
      title: 'TLS handshakes of clients',
      size: [8, 9],
      description: {
        what: 'TLS handshakes per second that clients start: resumed sessions, full handshakes, and failures by error.',
        good: 'few, and most of them `resumed`.',
        bad: 'close to the request rate: handshakes are the most expensive part of a connection. `ERR_SSL_…_ALERT_…`: a client refuses the certificate. `ECONNRESET`: a health check only connects, or a client of Node.js does not trust the certificate.',
        action: 'reuse connections. Servers behind one name have to share their ticket keys.',
        docs: 'metrics.md#connmeterservertlshandshakeduration',
      },
      unit: 'cps',
      noValue: 'No TLS handshakes in this time range',
      stack: true,
      colours: HANDSHAKE_COLOURS,
      queries: [
        { expr: promql.rate(HANDSHAKES, '', { tls_resumed: 'true' }), legend: 'resumed' },
        { expr: promql.rate(HANDSHAKES, '', { tls_resumed: 'false' }), legend: 'full' },
        { expr: promql.rate(HANDSHAKES, 'error_type', { error_type: '.+' }), legend: '{{error_type}}' },
      ],
    }),
    graph({
      title: 'Connections closed although data was lost',
      size: [8, 9],
      description: {
        what: 'TCP connections per second that a host closed with unread data, or to which data came too late. Of all programs in its network namespace. Linux only.',
        good: 'close to zero.',
        bad: '`late_data` grows while clients report 502 or `ECONNRESET`: requests came just after the server had closed an idle connection. Downloads that clients give up look the same.',
        action: 'look at the panel on the left: does this server end the idle connections of proxies?',
        docs: 'metrics.md#connmetertcpaborted',
      },
      unit: 'cps',
      noValue: 'This host does not show them',
      queries: [{ expr: promql.rate('connmeter.tcp.aborted', 'connmeter_abort'), legend: '{{connmeter_abort}}' }],
    }),
  ],
};
