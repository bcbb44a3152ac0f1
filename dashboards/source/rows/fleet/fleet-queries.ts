import { orZero, SERVER, share } from '../../promql.ts';
import type { RecordedQueries } from '../../recorded-queries.ts';
import type { Facts } from '../verdicts.ts';

export const JOB_AND_SERVER = `job, ${SERVER}`;

/** The reuse ratio. */
export function reuseBy(recorded: RecordedQueries, by = ''): string {
  return share(recorded.sum('requestsReused', by), recorded.sum('requests', by));
}

/** A sum, or zero while any job reports. */
export function total(recorded: RecordedQueries, series: 'opened' | 'lookups' | 'setupWasted' | 'held'): string {
  return orZero(recorded.sum(series), zero(recorded));
}

export function zero(recorded: RecordedQueries): string {
  return `0 * ${recorded.sum('instances')}`;
}

/** What the rules record about each server of each job. */
export function factsOf(recorded: RecordedQueries): Facts {
  const by = JOB_AND_SERVER;
  return {
    by,
    opened: recorded.sum('openedByCause', `${by}, connmeter_open_cause, connmeter_close_reason`),
    failed: recorded.sum('failedByError', `${by}, connmeter_phase`),
    requests: recorded.sum('requests', by),
    reuse: reuseBy(recorded, by),
    held: recorded.sum('held', by),
    pending: recorded.sum('pending', by),
  };
}
