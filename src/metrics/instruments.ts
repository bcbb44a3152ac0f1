import type { BatchObservableResult, Histogram, Meter, Observable } from '@opentelemetry/api';
import type { Count } from './address-counts.ts';
import type { ListenerCounts } from './listener-counts.ts';
import type { OriginCounts } from './origin-counts.ts';
import type { HistogramName, Recorder } from './recorder.ts';
import type { MetricRegistry } from './registry.ts';

interface Description {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
}

/** A metric that is read at each collection: per origin, per listener, or once per process. */
export interface ObservableMetric extends Description {
  readonly kind: 'counter' | 'upDownCounter';
  readonly perOrigin?: (counts: OriginCounts) => readonly Count[];
  readonly perListener?: (counts: ListenerCounts) => readonly Count[];
  readonly perProcess?: (registry: MetricRegistry) => readonly Count[];
}

/** A metric that is recorded once per connection or lookup. */
export interface HistogramMetric extends Description {
  readonly kind: 'histogram';
  readonly name: HistogramName;
  readonly boundaries: readonly number[];
}

/** Connects within a data centre take less than 5 ms; a lost SYN takes them above 0.5 s. Every bucket is a series per origin. */
const CONNECT_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 3];
/** Even resumed handshakes rarely take less than a millisecond. */
const HANDSHAKE_SECONDS = [0.005, 0.025, 0.1, 0.5, 3];

/** The buckets of `http.client.connection.duration` in OpenTelemetry's semantic conventions. */
const LIFETIME_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const LIFETIME_REQUESTS = [0, 1, 2, 5, 10, 50, 100, 500, 1000];

const none: readonly Count[] = [];

/**
 * All metrics. `http.client.*` and `dns.*`, with their buckets, are defined by OpenTelemetry's semantic conventions:
 * https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and https://opentelemetry.io/docs/specs/semconv/dns/dns-metrics/
 */
export const METRICS: readonly (ObservableMetric | HistogramMetric)[] = [
  {
    name: 'http.client.open_connections',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'HTTP connections that are open, by state: active if they carry a request, otherwise idle.',
    perOrigin: counts => counts.allInUse.flatMap(({ active, idle }) => [active, idle]),
  },
  {
    name: 'http.client.connection.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long HTTP connections were open. Recorded when they close.',
    boundaries: LIFETIME_SECONDS,
  },
  {
    name: 'http.client.active_requests',
    kind: 'upDownCounter',
    unit: '{request}',
    description: 'Requests that are sent and not finished. Requests that wait for a connection are not included.',
    perOrigin: counts => counts.allInUse.map(({ requests }) => requests),
  },
  {
    name: 'dns.lookup.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of DNS lookups.',
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
  {
    name: 'connmeter.connection.opened',
    kind: 'counter',
    unit: '{connection}',
    description:
      'Connections opened, by cause. For cause replaced, also by the close reason of the connection that was replaced.',
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
    perOrigin: counts => counts.allClosed,
  },
  {
    name: 'connmeter.connection.failed',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections that failed to open, by phase and error.',
    perOrigin: counts => counts.failures,
  },
  {
    name: 'connmeter.connection.pending',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'Connections that are being opened, by phase.',
    perProcess: ({ allPending }) => allPending.flatMap(({ all }) => all),
  },
  {
    name: 'connmeter.connect.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of TCP connects, from the end of the DNS lookup to the connected socket.',
    boundaries: CONNECT_SECONDS,
  },
  {
    name: 'connmeter.tls.handshake.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of TLS handshakes, from the connected socket to the end of the handshake.',
    boundaries: HANDSHAKE_SECONDS,
  },
  {
    name: 'connmeter.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests sent, by whether their connection had carried a request before (reused).',
    perOrigin: counts => (counts.http ? [counts.requests.fresh, counts.requests.reused] : none),
  },
  {
    name: 'connmeter.connection.requests',
    kind: 'histogram',
    unit: '{request}',
    description: 'Number of requests per HTTP connection. Recorded when it closes.',
    boundaries: LIFETIME_REQUESTS,
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
    boundaries: LIFETIME_SECONDS,
  },
  {
    name: 'connmeter.server.connection.requests',
    kind: 'histogram',
    unit: '{request}',
    description: 'Number of requests per accepted HTTP connection. Recorded when it closes.',
    boundaries: LIFETIME_REQUESTS,
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
    boundaries: HANDSHAKE_SECONDS,
  },
  {
    name: 'connmeter.ports.time_wait',
    kind: 'upDownCounter',
    unit: '{socket}',
    description: 'TCP sockets in TIME_WAIT in the network namespace of the process.',
    perProcess: ({ ports }) => countIfKnown(ports?.timeWait),
  },
  {
    name: 'connmeter.ports.in_use',
    kind: 'upDownCounter',
    unit: '{socket}',
    description: 'TCP sockets in use in the network namespace of the process.',
    perProcess: ({ ports }) => countIfKnown(ports?.inUse),
  },
  {
    name: 'connmeter.ports.ephemeral',
    kind: 'upDownCounter',
    unit: '{port}',
    description: 'Number of ports that the kernel may use for outgoing connections.',
    perProcess: ({ ports }) => countIfKnown(ports?.range),
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
  return value === undefined ? none : [{ attributes: {}, value }];
}

export interface Instruments {
  readonly record: Recorder;
  readonly stop: () => void;
}

/** Creates the instruments on a meter. `refresh` updates the registry and is called before each collection reads it. */
export function createInstruments(meter: Meter, registry: MetricRegistry, refresh: () => void): Instruments {
  const observed: { metric: ObservableMetric; instrument: Observable }[] = [];
  const histograms = new Map<HistogramName, Histogram>();
  for (const metric of METRICS) {
    if (metric.kind === 'histogram') histograms.set(metric.name, histogramOf(meter, metric));
    else observed.push({ metric, instrument: observableOf(meter, metric) });
  }

  const instruments = observed.map(({ instrument }) => instrument);
  const read = (result: BatchObservableResult) => {
    refresh();
    const { allOriginCounts, allListenerCounts } = registry;
    for (const { metric, instrument } of observed) {
      const observe = ({ value, attributes }: Count) => result.observe(instrument, value, attributes);
      if (metric.perOrigin !== undefined)
        for (const counts of allOriginCounts) metric.perOrigin(counts).forEach(observe);
      if (metric.perListener !== undefined)
        for (const counts of allListenerCounts) metric.perListener(counts).forEach(observe);
      metric.perProcess?.(registry).forEach(observe);
    }
  };
  meter.addBatchObservableCallback(read, instruments);

  return {
    record: (metric, value, attributes) => histograms.get(metric)?.record(value, attributes),
    stop: () => meter.removeBatchObservableCallback(read, instruments),
  };
}

function observableOf(meter: Meter, { name, kind, unit, description }: ObservableMetric): Observable {
  const options = { unit, description };
  return kind === 'counter'
    ? meter.createObservableCounter(name, options)
    : meter.createObservableUpDownCounter(name, options);
}

function histogramOf(meter: Meter, { name, unit, description, boundaries }: HistogramMetric): Histogram {
  return meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...boundaries] } });
}
