import type { Attributes } from '@opentelemetry/api';

/** The metrics that are pushed, once per connection or lookup; all else is read at collection. */
export type Duration =
  | 'http.client.connection.duration'
  | 'connmeter.connect.duration'
  | 'connmeter.tls.handshake.duration'
  | 'dns.lookup.duration';

/** Takes one duration, in seconds, under its labels. */
export type Recorder = (metric: Duration, seconds: number, attributes: Attributes) => void;
