import type { Attributes } from '@opentelemetry/api';

/** The metrics that are pushed, once per connection or lookup; all else is read at collection. */
export type HistogramName =
  | 'http.client.connection.duration'
  | 'connmeter.connection.requests'
  | 'connmeter.connect.duration'
  | 'connmeter.tls.handshake.duration'
  | 'dns.lookup.duration'
  | 'connmeter.server.connection.duration'
  | 'connmeter.server.connection.requests'
  | 'connmeter.server.tls.handshake.duration';

/** Takes one measurement, in the metric's unit, under its labels. */
export type Recorder = (metric: HistogramName, value: number, attributes: Attributes) => void;
