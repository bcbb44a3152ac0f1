import { phasesOf } from '../core/phases.ts';
import type { Uncounted, UncountedSeries } from '../metrics/uncounted.ts';
import type { LikelyCause } from './attribution/pools.ts';
import type { Connection } from './connection.ts';

const NONE = {};

/** What would be counted if an open connection was counted now. `attributes`: those of its origin. */
export function uncountedOf(
  connection: Connection,
  attributes: Uncounted['attributes'],
  { cause, replacedReason }: LikelyCause,
): Uncounted {
  const { http, requests, attempts, tls } = connection;
  const phases = phasesOf(connection);
  const reason = replacedReason === undefined ? {} : { 'connmeter.close.reason': replacedReason };
  const series: UncountedSeries[] = [['connmeter.connection.opened', { 'connmeter.open.cause': cause, ...reason }, 1]];
  if (http && requests > 0) series.push(['connmeter.requests', { 'connmeter.connection.reused': false }, requests]);
  for (const { type, outcome } of attempts) {
    const more = { 'network.type': type, 'connmeter.outcome': outcome };
    if (outcome !== undefined) series.push(['connmeter.connect.attempts', more, 1]);
  }
  if (phases.connect !== undefined && attempts.length > 0)
    series.push(['connmeter.connect.duration', NONE, phases.connect]);
  if (phases.tls !== undefined && tls !== undefined) {
    const more = { 'tls.protocol.version': tls.version, 'tls.resumed': tls.resumed };
    series.push(['connmeter.tls.handshake.duration', more, phases.tls]);
  }
  return { attributes, series };
}
