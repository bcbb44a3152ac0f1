import type { Attributes } from '@opentelemetry/api';

/** The histograms, which are recorded once per connection or lookup. All other metrics are read at collection. */
export type HistogramName =
  | 'http.client.connection.duration'
  | 'connmeter.connection.requests'
  | 'connmeter.connect.duration'
  | 'connmeter.tls.handshake.duration'
  | 'dns.lookup.duration'
  | 'connmeter.server.connection.duration'
  | 'connmeter.server.connection.requests'
  | 'connmeter.server.tls.handshake.duration';

/** Records one value of a histogram, in the unit of the metric. */
export type Recorder = (metric: HistogramName, value: number, attributes: Attributes) => void;
