import { graph } from '../../grafana/graph.ts';
import type { Row } from '../../grafana/row.ts';
import { SERVER_OF_SERIES } from '../../links.ts';
import { type PromQL, SERVER, SERVER_LEGEND, share } from '../../promql.ts';
import { THRESHOLDS } from '../../thresholds.ts';

export const queue: Row<PromQL> = {
  id: 1000,
  title: 'Requests that wait for a connection',
  panels: promql => [
    graph({
      title: 'Time in queue per request',
      size: [6, 9],
      description: {
        what: 'How long a request waits for a connection on average: in the queue of its pool, or for a new connection to open. Limited pools of undici do not show their queue.',
        good: 'a few milliseconds.',
        bad: 'more than a tenth of the response time. If the pool is saturated, its limit is too low, or the server too slow. If not, connections open slowly.',
        action: 'look at the panel of saturated pools.',
        docs: 'metrics.md#httpclientrequesttime_in_queue',
      },
      unit: 's',
      noValue: 'No HTTP requests in this time range',
      calcs: ['mean', 'max'],
      link: SERVER_OF_SERIES,
      queries: [
        {
          expr: share(
            promql.rateOfSum('http.client.request.time_in_queue', SERVER),
            promql.rate('connmeter.requests', SERVER),
          ),
          legend: SERVER_LEGEND,
        },
      ],
    }),
    graph({
      title: 'Requests that wait, by server',
      size: [6, 9],
      description: {
        what: 'Requests that wait for a connection now. Limited pools of undici do not show theirs.',
        good: 'zero.',
        bad: 'stays above zero: all connections of a pool are busy, or connections do not open.',
        action: 'look at the limits, and at how long requests take.',
        docs: 'metrics.md#connmeterrequestpending',
      },
      unit: 'none',
      noValue: 'No HTTP connections in this time range',
      stack: true,
      link: SERVER_OF_SERIES,
      queries: [{ expr: promql.gauge('connmeter.request.pending', SERVER), legend: SERVER_LEGEND }],
    }),
    graph({
      title: 'Saturated pools',
      size: [6, 9],
      description: {
        what: 'The share of the time in which at least one request waited because all connections of its pool were busy.',
        good: 'zero.',
        bad: `above ${THRESHOLDS.saturated.share * 100} %: most requests wait at peaks.`,
        action: 'raise `maxSockets`, or make the server faster. The alert has the limit that would do.',
        docs: 'metrics.md#connmeterpoolsaturated',
      },
      unit: 'percentunit',
      noValue: 'No HTTP connections in this time range',
      calcs: ['mean', 'max'],
      link: SERVER_OF_SERIES,
      queries: [{ expr: promql.rate('connmeter.pool.saturated', SERVER), legend: SERVER_LEGEND }],
    }),
    graph({
      title: 'Pools and their limits',
      size: [6, 9],
      description: {
        what: 'How many pools have connections, and how many connections those of `node:http` may open that have a limit.',
        good: 'level lines.',
        bad: '`pools` grows, or follows the traffic: a client is made per request, and never closed.',
        action: 'make the client once. `connections.snapshot()` names the lines of code.',
        docs: 'metrics.md#connmeterpools',
      },
      unit: 'none',
      noValue: 'No HTTP connections in this time range',
      link: SERVER_OF_SERIES,
      queries: [
        { expr: promql.gauge('connmeter.pools', SERVER), legend: `${SERVER_LEGEND} pools` },
        { expr: promql.gauge('connmeter.pool.connections.max', SERVER), legend: `${SERVER_LEGEND} limit` },
      ],
    }),
    graph({
      title: 'New connections, by caller',
      size: [8, 9],
      description: {
        what: 'Which part of the program opens connections, as `withCaller` or `watchDispatcher` names it.',
        good: 'near zero for each.',
        bad: 'one caller opens most of them: its line of code is where to look.',
        action: 'read the causes of that caller in the panel of causes, and share its client.',
        docs: 'metrics.md#reading-the-tables',
      },
      unit: 'cps',
      noValue: 'No callers: see withCaller in the README',
      link: SERVER_OF_SERIES,
      queries: [
        {
          expr: promql.rate('connmeter.connection.opened', `connmeter_caller, ${SERVER}`, { connmeter_caller: '.+' }),
          legend: `{{connmeter_caller}} → ${SERVER_LEGEND}`,
        },
      ],
    }),
    graph({
      title: 'Streams of HTTP/2',
      size: [8, 9],
      description: {
        what: 'Requests on connections of HTTP/2 now, the most at once on one connection, and how many the server allows on all of them.',
        good: 'far below the limit.',
        bad: 'at the limit, so requests wait in the client. Or a peak of 1: the client sends one request at a time.',
        action: 'open a second session, or raise `pipelining` of undici 7.',
        docs: 'metrics.md#connmeterhttp2streamspeak',
      },
      unit: 'none',
      noValue: 'No HTTP/2 in this time range',
      link: SERVER_OF_SERIES,
      queries: [
        {
          expr: promql.gauge('http.client.active_requests', SERVER, { network_protocol_version: '2' }),
          legend: `${SERVER_LEGEND} active`,
        },
        { expr: promql.largest('connmeter.http2.streams.peak', SERVER), legend: `${SERVER_LEGEND} peak` },
        { expr: promql.gauge('connmeter.http2.streams.max', SERVER), legend: `${SERVER_LEGEND} allowed` },
      ],
    }),
    graph({
      title: 'GOAWAY of servers',
      size: [8, 9],
      description: {
        what: 'How often servers end connections of HTTP/2, by error code.',
        good: '`NO_ERROR`, at deployments.',
        bad: '`ENHANCE_YOUR_CALM` or `PROTOCOL_ERROR`: the server rejects what the client does.',
        action: 'look at the log of the server.',
        docs: 'metrics.md#connmeterhttp2goaway',
      },
      unit: 'cps',
      noValue: 'No HTTP/2 in this time range',
      link: SERVER_OF_SERIES,
      queries: [
        {
          expr: promql.rate('connmeter.http2.goaway', `connmeter_http2_code, ${SERVER}`),
          legend: `{{connmeter_http2_code}} ${SERVER_LEGEND}`,
        },
      ],
    }),
  ],
};
