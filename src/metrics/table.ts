import type { Count } from './address-counts.ts';
import { type Basic, mainCauses, mainErrors, reasonsWithoutHttp, without } from './basic.ts';
import type { Distribution, HistogramName } from './histograms.ts';
import type { ListenerCounts } from './listener-counts.ts';
import type { OriginCounts } from './origin-counts.ts';
import type { MetricRegistry } from './registry.ts';

interface Description {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** What `detail: 'basic'` shows of it. Default: the same as `full`. */
  readonly basic?: Basic;
}

/** A metric that is counted: per origin, per listener, or once per process. */
export interface CountedMetric extends Description {
  readonly kind: 'counter' | 'upDownCounter';
  /** How the values of several processes become one: the largest if all describe the same thing. Default: their sum. */
  readonly across?: 'max';
  readonly perOrigin?: (counts: OriginCounts) => readonly Count[];
  readonly perListener?: (counts: ListenerCounts) => readonly Count[];
  readonly perProcess?: (registry: MetricRegistry) => readonly Count[];
}

/** A metric that is recorded once per connection or lookup. */
export interface HistogramMetric extends Description {
  readonly kind: 'histogram';
  readonly name: HistogramName;
}

export type Metric = CountedMetric | HistogramMetric;

const none: readonly Count[] = [];
const NO_LABELS = {};
/** The same objects each time, because they identify the series. */
const UNREAD = { 'connmeter.abort': 'unread_data' };
const LATE = { 'connmeter.abort': 'late_data' };
const ONE: readonly Count[] = [{ attributes: NO_LABELS, value: 1 }];

/**
 * All metrics. `http.client.*` and `dns.*`, with their buckets, are defined by OpenTelemetry's semantic conventions:
 * https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and https://opentelemetry.io/docs/specs/semconv/dns/dns-metrics/
 */
export const METRICS: readonly Metric[] = [
  {
    name: 'http.client.open_connections',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'HTTP connections that are open, by state: active if they carry a request, otherwise idle.',
    basic: without('network.protocol.version'),
    perOrigin: counts => counts.allInUse.flatMap(({ active, idle }) => [active, idle]),
  },
  {
    name: 'http.client.connection.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long HTTP connections were open. Recorded when they close.',
    basic: 'left out',
  },
  {
    name: 'http.client.active_requests',
    kind: 'upDownCounter',
    unit: '{request}',
    description: 'Requests that are sent and not finished. Requests that wait for a connection are not included.',
    basic: 'left out',
    perOrigin: counts => counts.allInUse.map(({ requests }) => requests),
  },
  {
    name: 'http.client.request.time_in_queue',
    kind: 'histogram',
    unit: 's',
    description:
      'How long requests waited for a connection: in the queue of their pool, or for a new connection to open.',
    basic: 'left out',
  },
  {
    name: 'connmeter.request.pending',
    kind: 'upDownCounter',
    unit: '{request}',
    description: 'Requests that wait for a connection.',
    basic: 'left out',
    perOrigin: counts => (counts.http ? [counts.waiting] : none),
  },
  {
    name: 'connmeter.pool.saturated',
    kind: 'counter',
    unit: 's',
    description:
      'Time during which at least one request waited in the queue of its pool, because all connections were busy.',
    basic: 'left out',
    perOrigin: counts => (counts.http ? [counts.saturated] : none),
  },
  {
    name: 'connmeter.pool.connections.max',
    kind: 'upDownCounter',
    unit: '{connection}',
    description:
      'How many connections the pools with a limit may open. Those without connections now are not included.',
    basic: 'left out',
    perOrigin: counts => (counts.mostConnections.value > 0 ? [counts.mostConnections] : none),
  },
  {
    name: 'connmeter.pools',
    kind: 'upDownCounter',
    unit: '{pool}',
    description: 'Pools that have connections: agents of node:http, pools of undici, HTTP/2 sessions.',
    basic: 'left out',
    perOrigin: counts => (counts.http ? [counts.pools] : none),
  },
  {
    name: 'dns.lookup.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of DNS lookups.',
    basic: without('dns.question.name'),
  },
  {
    name: 'connmeter.connection.opened',
    kind: 'counter',
    unit: '{connection}',
    description:
      'Connections opened, by cause. For cause replaced, also by the close reason of the connection that was replaced.',
    basic: mainCauses,
    perOrigin: counts => counts.allOpened,
  },
  {
    name: 'connmeter.open_connections',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'Connections without HTTP that are open: to databases, caches and other servers.',
    perOrigin: counts => (counts.http ? none : [counts.open]),
  },
  {
    name: 'connmeter.connection.closed',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections closed after they were opened, by reason.',
    basic: reasonsWithoutHttp,
    perOrigin: counts => counts.allClosed,
  },
  {
    name: 'connmeter.connection.failed',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections that failed to open, by phase and error.',
    basic: mainErrors,
    perOrigin: counts => counts.failures,
  },
  {
    name: 'connmeter.connection.pending',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'Connections that are being opened, by phase.',
    basic: without('connmeter.phase'),
    perProcess: ({ allPending }) => allPending.flatMap(({ all }) => all),
  },
  {
    name: 'connmeter.connect.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of TCP connects, from the end of the DNS lookup to the connected socket.',
    basic: 'left out',
  },
  {
    name: 'connmeter.tls.handshake.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of TLS handshakes, from the connected socket to the end of the handshake.',
    basic: 'left out',
  },
  {
    name: 'connmeter.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests sent, by whether their connection had carried a request before (reused).',
    basic: without('connmeter.caller'),
    perOrigin: counts => counts.allRequests,
  },
  {
    name: 'connmeter.connection.requests',
    kind: 'histogram',
    unit: '{request}',
    description: 'Number of requests per HTTP connection. Recorded when it closes.',
    basic: 'left out',
  },
  {
    name: 'connmeter.requests.failed',
    kind: 'counter',
    unit: '{request}',
    description:
      'Requests that failed after they had a connection, by whether it had carried a request before (reused), and how.',
    basic: 'left out',
    perOrigin: counts => counts.allFailedRequests,
  },
  {
    name: 'connmeter.connection.idle_time',
    kind: 'histogram',
    unit: 's',
    description:
      'How long HTTP connections were idle until the next request (from 0.1 s up), or until one side closed them.',
    basic: 'left out',
  },
  {
    name: 'connmeter.connection.idle_limit',
    kind: 'upDownCounter',
    across: 'max',
    unit: 's',
    description: 'After how many idle seconds the server closes connections, as at least 20 of its closes have shown.',
    basic: 'left out',
    perOrigin: ({ attributes, idleLimit: { learned } }) =>
      learned === undefined ? none : [{ attributes, value: learned.seconds }],
  },
  {
    name: 'connmeter.http2.streams.peak',
    kind: 'upDownCounter',
    across: 'max',
    unit: '{stream}',
    description: 'The most streams of HTTP/2 that were open at once on one of the open connections.',
    basic: 'left out',
    perOrigin: ({ streams }) => (streams.most.value > 0 ? [streams.most] : none),
  },
  {
    name: 'connmeter.http2.streams.max',
    kind: 'upDownCounter',
    unit: '{stream}',
    description:
      'How many streams of HTTP/2 the server allows at once on the open connections. Absent without a limit.',
    basic: 'left out',
    perOrigin: ({ streams }) => (streams.limit.value > 0 ? [streams.limit] : none),
  },
  {
    name: 'connmeter.http2.goaway',
    kind: 'counter',
    unit: '{frame}',
    description:
      'GOAWAY frames that the server sent, by their error code: it takes no more requests on the connection.',
    basic: 'left out',
    perOrigin: counts => counts.goaways,
  },
  {
    name: 'connmeter.body.held',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'HTTP connections that are held by a response body that the program does not read.',
    perOrigin: counts => (counts.http ? [counts.held] : none),
  },
  {
    name: 'connmeter.setup.wasted',
    kind: 'counter',
    unit: 's',
    description:
      'Time spent on DNS, TCP and TLS for HTTP connections that carried at most one request. Counted when they close.',
    perOrigin: counts => (counts.http ? [counts.wastedSetup] : none),
  },
  {
    name: 'connmeter.connect.attempts',
    kind: 'counter',
    unit: '{attempt}',
    description: 'Attempts to connect to an IP address, by outcome. Happy Eyeballs makes several per connection.',
    basic: 'left out',
    perOrigin: counts => counts.attempts,
  },
  {
    name: 'connmeter.dns.pending',
    kind: 'upDownCounter',
    unit: '{lookup}',
    description:
      'DNS lookups in progress: for connections, of the program itself, and those that were given up but still run.',
    perProcess: registry => [registry.lookupsPending],
  },
  {
    name: 'connmeter.dns.repeated',
    kind: 'counter',
    unit: '{lookup}',
    description: 'DNS lookups of names that were looked up within 1 s, or within 30 s before: a cache would save them.',
    perProcess: ({ repeatedLookups }) => repeatedLookups.all,
  },
  {
    name: 'connmeter.threadpool.delay',
    kind: 'upDownCounter',
    across: 'max',
    unit: 's',
    description: "How long work waits in Node's thread pool, which runs DNS lookups. Measured once per collection.",
    perProcess: ({ threadPoolDelay }) => countIfKnown(threadPoolDelay),
  },
  {
    name: 'connmeter.server.connection.accepted',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections that servers of this process accepted.',
    perListener: counts => [counts.accepted],
  },
  {
    name: 'connmeter.server.connection.refused',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections that servers of this process closed at once because of their maxConnections.',
    perListener: counts => [counts.refused],
  },
  {
    name: 'connmeter.server.connection.open',
    kind: 'upDownCounter',
    unit: '{connection}',
    description:
      'Accepted connections that are open. With HTTP, by state: active if they carry a request, otherwise idle.',
    basic: without('network.protocol.version'),
    perListener: counts => counts.allOpen,
  },
  {
    name: 'connmeter.server.connection.closed',
    kind: 'counter',
    unit: '{connection}',
    description: 'Accepted connections that were closed, by reason.',
    perListener: counts => counts.allClosed,
  },
  {
    name: 'connmeter.server.connection.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long accepted connections were open. Recorded when they close.',
    basic: 'left out',
  },
  {
    name: 'connmeter.server.connection.requests',
    kind: 'histogram',
    unit: '{request}',
    description: 'Number of requests per accepted HTTP connection. Recorded when it closes.',
    basic: 'left out',
  },
  {
    name: 'connmeter.server.connection.idle_time',
    kind: 'histogram',
    unit: 's',
    description:
      'How long accepted HTTP connections were idle until the next request (from 0.1 s up), or until one side closed them.',
    basic: 'left out',
  },
  {
    name: 'connmeter.server.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests received, by whether their connection had carried one before (reused).',
    perListener: counts => (counts.http ? [counts.requests.fresh, counts.requests.reused] : none),
  },
  {
    name: 'connmeter.server.tls.handshake.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of TLS handshakes, from the accepted connection to the end or the failure of the handshake.',
    basic: 'left out',
  },
  {
    name: 'connmeter.ports.time_wait',
    kind: 'upDownCounter',
    across: 'max',
    unit: '{socket}',
    description: 'TCP sockets in TIME_WAIT in the network namespace of the process.',
    perProcess: ({ ports }) => countIfKnown(ports?.timeWait),
  },
  {
    name: 'connmeter.ports.in_use',
    kind: 'upDownCounter',
    across: 'max',
    unit: '{socket}',
    description: 'TCP sockets in use in the network namespace of the process.',
    perProcess: ({ ports }) => countIfKnown(ports?.inUse),
  },
  {
    name: 'connmeter.ports.ephemeral',
    kind: 'upDownCounter',
    across: 'max',
    unit: '{port}',
    description: 'Number of ports that the kernel may use for outgoing connections.',
    perProcess: ({ ports }) => countIfKnown(ports?.range),
  },
  {
    name: 'connmeter.tcp.aborted',
    kind: 'counter',
    across: 'max',
    unit: '{connection}',
    description:
      'TCP connections of the network namespace that this side closed with unread data, or to which data came too late.',
    perProcess: ({ aborts }) =>
      aborts === undefined
        ? none
        : [
            { attributes: UNREAD, value: aborts.unread },
            { attributes: LATE, value: aborts.late },
          ],
  },
  {
    name: 'connmeter.processes',
    kind: 'upDownCounter',
    unit: '{process}',
    description: 'Processes in these metrics.',
    perProcess: () => ONE,
  },
  {
    name: 'connmeter.threads',
    kind: 'upDownCounter',
    unit: '{thread}',
    description: 'Threads in these metrics, main threads included.',
    perProcess: () => ONE,
  },
  {
    name: 'connmeter.faults',
    kind: 'counter',
    unit: '{fault}',
    description: 'Errors inside connmeter itself, by the part they happened in. They do not affect the program.',
    perProcess: ({ faults }) => faults.all,
  },
];

/** No series if the value is unknown. */
function countIfKnown(value: number | undefined): readonly Count[] {
  return value === undefined ? none : [{ attributes: NO_LABELS, value }];
}

/** The counts of a metric, one for each of its series. */
export function countsOf({ perOrigin, perListener, perProcess }: CountedMetric, registry: MetricRegistry): Count[] {
  const all: Count[] = [];
  if (perOrigin !== undefined) for (const counts of registry.allOriginCounts) all.push(...perOrigin(counts));
  if (perListener !== undefined) for (const counts of registry.allListenerCounts) all.push(...perListener(counts));
  if (perProcess !== undefined) for (const count of perProcess(registry)) all.push(count); // of all origins at once
  return all;
}

/** The current value of each series of a metric. */
export interface Reading {
  readonly metric: Metric;
  readonly series: readonly (Count | Distribution)[];
}

/** Reads all metrics that have series. The values are not copied: they change with the next event. */
export function readAll(registry: MetricRegistry, metrics: readonly Metric[] = METRICS): Reading[] {
  return metrics
    .map(metric => ({
      metric,
      series: metric.kind === 'histogram' ? [...registry.histograms.of(metric.name)] : countsOf(metric, registry),
    }))
    .filter(({ series }) => series.length > 0);
}
