import type { Attributes } from '@opentelemetry/api';
import type { Checked } from '../core/rotating-check.ts';
import type { TlsHandshake } from '../core/tls-handshake.ts';
import type { AddressCounts, HttpVersion } from './address-counts.ts';
import type { HistogramName } from './histograms.ts';
import type { Recorder } from './recorder.ts';

/** What client connections and accepted connections have in common. Times are in seconds of a monotonic clock. */
export class TrackedConnection<Counted extends AddressCounts<string> = AddressCounts<string>> implements Checked {
  checkIndex = 0;
  readonly started: number;
  opened: number | undefined;
  secured: number | undefined;
  tls: Pick<TlsHandshake, 'version' | 'resumed'> | undefined;
  /** The first error of the socket. */
  error: unknown;
  timedOut = false;

  version: HttpVersion = '1.1';
  /**
   * The counts of the connection, and of its requests. They differ if the requests go to another address, for example
   * through a proxy.
   */
  counts: Counted | undefined;
  requestCounts: Counted | undefined;
  /** How many requests it has carried. */
  requests = 0;
  /** How many requests are active on it, if they are only counted, as streams of HTTP/2 are. */
  requestsInProgress = 0;
  /** The first stream of HTTP/2 that is counted. Ids of streams grow. */
  firstStream: number | undefined;

  constructor(started: number) {
    this.started = started;
  }
}

/** Counts a request: the first one of its connection as `fresh`, all others as `reused`. */
export function countRequest(
  connection: TrackedConnection,
  { requests }: Pick<AddressCounts<string>, 'requests'>,
): void {
  if (connection.requests++ > 0) requests.reused.value++;
  else requests.fresh.value++;
}

export function streamStarted(connection: TrackedConnection, id: number): void {
  connection.firstStream ??= id;
  connection.requestsInProgress++;
}

/** A stream ended. If it began before connmeter started, or before a pause, it is not counted. */
export function streamEnded(connection: TrackedConnection | undefined, id: number): void {
  if (connection?.firstStream !== undefined && id >= connection.firstStream) requestEnded(connection);
}

export function requestEnded(connection: TrackedConnection | undefined): void {
  if (connection !== undefined && connection.requestsInProgress > 0) connection.requestsInProgress--;
}

/** connmeter stops listening, so it would miss the ends of these streams. Later streams are counted from zero. */
export function pauseStreams(connection: TrackedConnection): void {
  connection.requestsInProgress = 0;
  connection.firstStream = undefined;
}

/** Adds the connection to the gauges: as active or idle, with its active requests. */
export function countInUse(
  { counts, requestCounts, version }: TrackedConnection,
  active: boolean,
  requests: number,
): void {
  if (counts !== undefined) counts.isInUse = true;
  if (requestCounts !== undefined) requestCounts.isInUse = true;
  if (counts?.http) counts.inUse(version)[active ? 'active' : 'idle'].value++;
  if (requestCounts?.http) requestCounts.inUse(version).requests.value += requests;
}

/** The histograms of connections at their close, which differ between client and server. */
export interface LifetimeMetrics {
  /** Undefined if the number of requests is not recorded. */
  readonly requests: HistogramName | undefined;
  readonly duration: HistogramName;
}

/** Records how many requests a connection carried (HTTP only), and how long it was open. */
export function recordLifetime(
  { counts, opened, requests }: TrackedConnection,
  metrics: LifetimeMetrics,
  durationAttributes: Attributes,
  now: number,
  record: Recorder,
): void {
  if (counts?.http && metrics.requests !== undefined) record(metrics.requests, requests, counts.attributes);
  if (opened !== undefined) record(metrics.duration, now - opened, durationAttributes);
}
