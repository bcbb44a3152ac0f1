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

/** Read at collection: of every origin's tally (`counts`), every listener's (`served`), or of the process (`process`). */
export interface ObservableMetric extends Description {
  readonly kind: 'counter' | 'upDownCounter';
  readonly counts?: (tally: OriginCounts) => readonly Count[];
  readonly served?: (tally: ListenerCounts) => readonly Count[];
  readonly process?: (registry: MetricRegistry) => readonly Count[];
}

/** Pushed, once per connection or lookup. */
export interface HistogramMetric extends Description {
  readonly kind: 'histogram';
  readonly name: HistogramName;
  readonly boundaries: readonly number[];
}

/** A connect inside a data centre takes well under 5 ms; one lost SYN shows above 0.5 s. Few: each is a series per origin. */
const CONNECT_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 3];
/** The same for handshakes, of which even a resumed one seldom takes less than a millisecond. */
const HANDSHAKE_SECONDS = [0.005, 0.025, 0.1, 0.5, 3];

/** Of a connection's whole life; the first is OpenTelemetry's. */
const LIFETIME_SECONDS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const LIFETIME_REQUESTS = [0, 1, 2, 5, 10, 50, 100, 500, 1000];

const none: readonly Count[] = [];

/**
 * The metrics, one row each. `http.client.*` and `dns.*` are OpenTelemetry's, with its boundaries; the rest is ours.
 * https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ and https://opentelemetry.io/docs/specs/semconv/dns/dns-metrics/
 */
export const METRICS: readonly (ObservableMetric | HistogramMetric)[] = [
  {
    name: 'http.client.open_connections',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'HTTP connections open now, by whether a request is on them (active) or not (idle).',
    counts: tally => tally.allInUse.flatMap(({ active, idle }) => [active, idle]),
  },
  {
    name: 'http.client.connection.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long HTTP connections were open, taken when they close.',
    boundaries: LIFETIME_SECONDS,
  },
  {
    name: 'http.client.active_requests',
    kind: 'upDownCounter',
    unit: '{request}',
    description: 'Requests sent on a connection and not finished; those waiting in a pool are not among them.',
    counts: tally => tally.allInUse.map(({ requests }) => requests),
  },
  {
    name: 'dns.lookup.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long DNS lookups took; its count is the number of lookups.',
    boundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
  {
    name: 'connmeter.connection.opened',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections opened, by cause, and for those that replace a lost one by the reason of the loss.',
    counts: tally => tally.allOpened,
  },
  {
    name: 'connmeter.connection.closed',
    kind: 'counter',
    unit: '{connection}',
    description: 'Opened connections that were closed, by reason.',
    counts: tally => tally.allClosed,
  },
  {
    name: 'connmeter.connection.failed',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections attempted that never opened, by the phase they failed in.',
    counts: tally => tally.failures,
  },
  {
    name: 'connmeter.connect.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long TCP connects took, from the looked-up address to the connected socket.',
    boundaries: CONNECT_SECONDS,
  },
  {
    name: 'connmeter.tls.handshake.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long TLS handshakes took, from the connected socket to the secure one.',
    boundaries: HANDSHAKE_SECONDS,
  },
  {
    name: 'connmeter.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests sent, by whether their connection had served one before (reused).',
    counts: tally => (tally.http ? [tally.requests.fresh, tally.requests.reused] : none),
  },
  {
    name: 'connmeter.connection.requests',
    kind: 'histogram',
    unit: '{request}',
    description: 'How many requests each HTTP connection served, taken when it closes.',
    boundaries: LIFETIME_REQUESTS,
  },
  {
    name: 'connmeter.body.held',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'HTTP connections held now by the body of a response that the program is not reading.',
    counts: tally => (tally.http ? [tally.held] : none),
  },
  {
    name: 'connmeter.setup.wasted',
    kind: 'counter',
    unit: 's',
    description:
      'Time spent on DNS, TCP and TLS for HTTP connections that served one request at most, taken when they close.',
    counts: tally => (tally.http ? [tally.wastedSetup] : none),
  },
  {
    name: 'connmeter.connect.attempts',
    kind: 'counter',
    unit: '{attempt}',
    description: 'Attempts to reach one address (Happy Eyeballs makes several per connection), by outcome.',
    counts: tally => tally.attempts,
  },
  {
    name: 'connmeter.dns.pending',
    kind: 'upDownCounter',
    unit: '{lookup}',
    description: 'Names being looked up now for a connection.',
    process: registry => [registry.lookupsPending],
  },
  {
    name: 'connmeter.server.connection.accepted',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections that servers of this process accepted.',
    served: tally => [tally.accepted],
  },
  {
    name: 'connmeter.server.connection.refused',
    kind: 'counter',
    unit: '{connection}',
    description:
      'Connections that servers of this process closed at once, having as many as they may (maxConnections).',
    served: tally => [tally.refused],
  },
  {
    name: 'connmeter.server.connection.open',
    kind: 'upDownCounter',
    unit: '{connection}',
    description: 'Accepted connections open now; with HTTP, by whether a request is on them (active) or not (idle).',
    served: tally => tally.allOpen,
  },
  {
    name: 'connmeter.server.connection.closed',
    kind: 'counter',
    unit: '{connection}',
    description: 'Accepted connections that were closed, by reason.',
    served: tally => tally.allClosed,
  },
  {
    name: 'connmeter.server.connection.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long accepted connections were open, taken when they close.',
    boundaries: LIFETIME_SECONDS,
  },
  {
    name: 'connmeter.server.connection.requests',
    kind: 'histogram',
    unit: '{request}',
    description: 'How many requests came over each accepted HTTP connection, taken when it closes.',
    boundaries: LIFETIME_REQUESTS,
  },
  {
    name: 'connmeter.server.requests',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests received, by whether their connection had carried one before (reused).',
    served: tally => (tally.http ? [tally.requests.fresh, tally.requests.reused] : none),
  },
  {
    name: 'connmeter.server.tls.handshake.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long TLS handshakes took, from the accepted connection to the secure one, or to its failure.',
    boundaries: HANDSHAKE_SECONDS,
  },
  {
    name: 'connmeter.ports.time_wait',
    kind: 'upDownCounter',
    unit: '{socket}',
    description: 'TCP sockets in TIME_WAIT now, in the network namespace of the process.',
    process: ({ ports }) => countIfKnown(ports?.timeWait),
  },
  {
    name: 'connmeter.ports.in_use',
    kind: 'upDownCounter',
    unit: '{socket}',
    description: 'TCP sockets in use now, in the network namespace of the process.',
    process: ({ ports }) => countIfKnown(ports?.inUse),
  },
  {
    name: 'connmeter.ports.ephemeral',
    kind: 'upDownCounter',
    unit: '{port}',
    description: 'Ports that the kernel may give to outgoing connections.',
    process: ({ ports }) => countIfKnown(ports?.range),
  },
  {
    name: 'connmeter.faults',
    kind: 'counter',
    unit: '{fault}',
    description: 'Errors inside connmeter itself, by the part they happened in. The program is unaffected.',
    process: ({ faults }) => faults.all,
  },
];

/** No series where the host does not say. */
function countIfKnown(value: number | undefined): readonly Count[] {
  return value === undefined ? none : [{ attributes: {}, value }];
}

export interface Instruments {
  readonly record: Recorder;
  readonly stop: () => void;
}

/** Makes the instruments of a meter and keeps them fed: `bringUpToDate` runs before each collection reads the ledger. */
export function createInstruments(meter: Meter, registry: MetricRegistry, bringUpToDate: () => void): Instruments {
  const observed: { metric: ObservableMetric; instrument: Observable }[] = [];
  const histograms = new Map<HistogramName, Histogram>();
  for (const metric of METRICS) {
    if (metric.kind === 'histogram') histograms.set(metric.name, histogramOf(meter, metric));
    else observed.push({ metric, instrument: observableOf(meter, metric) });
  }

  const instruments = observed.map(({ instrument }) => instrument);
  const read = (result: BatchObservableResult) => {
    bringUpToDate();
    const { allOriginCounts, allListenerCounts } = registry;
    for (const { metric, instrument } of observed) {
      const observe = ({ value, attributes }: Count) => result.observe(instrument, value, attributes);
      if (metric.counts !== undefined) for (const tally of allOriginCounts) metric.counts(tally).forEach(observe);
      if (metric.served !== undefined) for (const tally of allListenerCounts) metric.served(tally).forEach(observe);
      metric.process?.(registry).forEach(observe);
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
