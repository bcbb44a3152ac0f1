import { PHASE_COLOURS, REQUESTS_COLOURS, withOpacity } from '../../grafana/colours.ts';
import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { SERVER_OF_SERIES } from '../../links.ts';
import { type PromQL, SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { requestsPerConnection } from '../requests-per-connection.ts';

export const cost: Row<PromQL> = {
  id: 300,
  title: 'What do new connections cost?',
  panels: promql => [
    durationGraph(promql, {
      metric: 'dns.lookup.duration',
      title: 'DNS lookup',
      colour: PHASE_COLOURS.dns,
      bad: 'about 5 s: the DNS server did not answer, and the resolver tried again. All names slow at once: lookups wait, because Node runs two at a time.',
      action: 'reuse connections, cache lookups, or raise `UV_THREADPOOL_SIZE`.',
      noValue: 'No lookups in this time range',
    }),
    durationGraph(promql, {
      metric: 'connmeter.connect.duration',
      title: 'TCP connect',
      colour: PHASE_COLOURS.connect,
      bad: 'above 0.5 s: a first packet was lost, or the server’s backlog is full. About 0.25 s more than usual: one address family does not answer.',
      action: 'look at the panel "Happy Eyeballs attempts", and at the server’s backlog.',
      noValue: 'No connects in this time range',
    }),
    durationGraph(promql, {
      metric: 'connmeter.tls.handshake.duration',
      title: 'TLS handshake',
      colour: PHASE_COLOURS.tls,
      bad: 'much longer than the TCP connect: the event loop or the server is busy.',
      action: 'resume TLS sessions. Check the event loop delay.',
      noValue: 'No TLS handshakes in this time range',
    }),
    graph({
      title: 'Wasted set-up time, by server',
      size: [8, 9],
      description: {
        what: 'Set-up time (DNS, TCP and TLS) per second, of HTTP connections that served at most one request.',
        good: 'close to zero.',
        bad: 'grows with the request rate. 1 s per second means that, on average, one request is always waiting for such a connection.',
        action: 'take the first server of the legend, and look up its verdict in the table above.',
        docs: 'metrics.md#connmetersetupwasted',
      },
      unit: 's',
      noValue: 'No HTTP connections in this time range',
      stack: true,
      queries: [{ expr: promql.rate('connmeter.setup.wasted', SERVER), legend: SERVER_LEGEND }],
      link: SERVER_OF_SERIES,
    }),
    graph({
      title: 'TLS sessions resumed',
      size: [8, 9],
      description: {
        what: 'Share of the TLS handshakes that resume an earlier session. They are shorter and cheaper for both sides.',
        good: 'most of them, if connections are short-lived. If connections are reused, there are few handshakes and the share does not matter.',
        bad: 'none, with many handshakes.',
        action:
          'use one agent for all requests, because it keeps the sessions. Servers behind a load balancer have to share their ticket keys.',
        docs: 'metrics.md#connmetertlshandshakeduration',
      },
      unit: 'percentunit',
      max: 1,
      noValue: 'No TLS handshakes in this time range',
      calcs: ['mean', 'lastNotNull'],
      ascending: true,
      link: SERVER_OF_SERIES,
      queries: [{ expr: resumedByServer(promql), legend: SERVER_LEGEND }],
    }),
    graph({
      title: 'Requests per connection',
      size: [8, 9],
      description: {
        what: 'How many requests the closed HTTP connections served. Open connections are not counted.',
        good: 'most served more than 10.',
        bad: 'most served one: every request opens a connection. Some served none: the program aborted the request before it was sent.',
        action: 'look at the reasons above. They say why the connections closed so early.',
        docs: 'metrics.md#connmeterconnectionrequests',
      },
      unit: 'percentunit',
      max: 1,
      noValue: 'No HTTP connection was closed in this time range',
      stack: true,
      colours: REQUESTS_COLOURS,
      calcs: ['mean', 'lastNotNull'],
      queries: requestsPerConnection(promql, 'connmeter.connection.requests'),
    }),
  ],
};

/** The series of resumed handshakes does not exist before the first of them: `or 0 * ...` makes it zero. */
function resumedByServer(promql: PromQL): string {
  const all = promql.rate('connmeter.tls.handshake.duration', SERVER);
  const resumed = promql.rate('connmeter.tls.handshake.duration', SERVER, { tls_resumed: 'true' });
  return share(`(${resumed} or 0 * ${all})`, all);
}

interface DurationGraph {
  readonly metric: string;
  readonly title: string;
  readonly colour: string;
  readonly bad: string;
  readonly action: string;
  readonly noValue: string;
}

function durationGraph(promql: PromQL, { metric, title, colour, bad, action, noValue }: DurationGraph) {
  return graph({
    title: `${title} time`,
    size: [8, 9],
    description: {
      what: `How long a ${title} takes: the median, the 95th and the 99th percentile, estimated from histogram buckets.`,
      good: 'steady, and p99 close to p95.',
      bad,
      action,
      docs: `metrics.md#${metric.replaceAll('.', '')}`,
    },
    unit: 's',
    noValue,
    calcs: ['lastNotNull', 'max'],
    queries: [0.5, 0.95, 0.99].map(quantile => ({
      expr: promql.quantile(quantile, metric),
      legend: `p${quantile * 100}`,
    })),
    colours: { p50: withOpacity(colour, 0.45), p95: withOpacity(colour, 0.7), p99: colour },
  });
}
