import type { Attributes } from '@opentelemetry/api';
import type { Checked } from '../core/rotating-check.ts';
import type { TlsHandshake } from '../core/tls-handshake.ts';
import type { AddressCounts, HttpVersion } from './address-counts.ts';
import type { HistogramName, Recorder } from './recorder.ts';

/**
 * A connection with requests on it, ours to a server or a client's to us: what is known of both alike. Moments are in
 * seconds of the monotonic clock.
 */
export class TrackedConnection<Counted extends AddressCounts<string> = AddressCounts<string>> implements Checked {
  checkIndex = 0;
  readonly started: number;
  opened: number | undefined;
  secured: number | undefined;
  tls: Pick<TlsHandshake, 'version' | 'resumed'> | undefined;
  /** The first that the socket met. */
  error: unknown;
  timedOut = false;

  version: HttpVersion = '1.1';
  /** Where it is counted, and where its requests are: the same, unless they are meant for somebody else. */
  counts: Counted | undefined;
  requestCounts: Counted | undefined;
  /** Requests that came over it, and those that are open on it by count, as HTTP/2's streams are. */
  requests = 0;
  streams = 0;

  constructor(started: number) {
    this.started = started;
  }
}

/** A request goes over it: on a connection that had carried none before, or on a reused one. */
export function countRequest(carrier: TrackedConnection, { requests }: AddressCounts<string>): void {
  if (carrier.requests++ > 0) requests.reused.value++;
  else requests.fresh.value++;
}

/** One of those open by count is over; one that began before we listened is not among them. */
export function streamEnded(carrier: TrackedConnection | undefined): void {
  if (carrier !== undefined && carrier.streams > 0) carrier.streams--;
}

/** Adds the connection to what is in use now: active or idle, and the requests it is busy with. */
export function countInUse(
  { counts, requestCounts, version }: TrackedConnection,
  active: boolean,
  requests: number,
): void {
  if (counts?.http) counts.inUse(version)[active ? 'active' : 'idle'].value++;
  if (requestCounts?.http) requestCounts.inUse(version).requests.value += requests;
}

/** The metrics of a whole life, of one side. */
export interface LifetimeMetrics {
  readonly requests: HistogramName;
  readonly duration: HistogramName;
}

/** What is told of a connection at its close: how many requests went over it, where it was for HTTP, and how long it was open. */
export function recordLifetime(
  { counts, opened, requests }: TrackedConnection,
  metrics: LifetimeMetrics,
  ofDuration: Attributes,
  now: number,
  record: Recorder,
): void {
  if (counts?.http) record(metrics.requests, requests, counts.attributes);
  if (opened !== undefined) record(metrics.duration, now - opened, ofDuration);
}
