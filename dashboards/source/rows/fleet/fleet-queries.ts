import { share } from '../../promql.ts';
import type { RecordedQueries } from '../../recorded-queries.ts';

/** The reuse ratio. */
export function reuseBy(recorded: RecordedQueries, by = ''): string {
  return share(recorded.sum('requestsReused', by), recorded.sum('requests', by));
}

/** Connections opened, by cause and close reason. */
export function openedByCause(recorded: RecordedQueries, by: string): string {
  return recorded.sum('openedByCause', `${by}, connmeter_open_cause, connmeter_close_reason`);
}
