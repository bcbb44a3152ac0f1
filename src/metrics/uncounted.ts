import type { Attributes } from '@opentelemetry/api';
import type { Count } from './address-counts.ts';

/** What will be counted of an open connection once its use is known, as far as it is known now. */
export interface Uncounted {
  /** The attributes that all its series have. */
  readonly attributes: Attributes;
  readonly series: readonly UncountedSeries[];
}

/** `value`: what is added to a counter, or recorded by a histogram. */
export type UncountedSeries = readonly [metric: string, more: Attributes, value: number];

/**
 * Records of what is not counted yet, where they outlive their thread. A record may be counted by somebody else while the
 * thread is blocked. A thread can be terminated anywhere, so each change is made as a whole.
 */
export interface UncountedRecords {
  /**
   * Writes a record, maybe instead of an earlier one. Returns its number; undefined if there is no room, and `counted` if
   * the earlier one is counted.
   */
  write(what: Uncounted, earlier: number | undefined): number | 'counted' | undefined;
  /** Adds 1 to these counts and removes the record, unless it is counted: then returns false. */
  count(record: number, opened: Count | undefined, requests: Count | undefined): boolean;
}
