import { type MakeCount, ownCount } from './address-counts.ts';
import { emptyDistribution, type MakeDistribution } from './histograms.ts';
import type { UncountedRecords } from './uncounted.ts';

/** Where the numbers of a registry are kept. */
export interface Storage {
  readonly count: MakeCount;
  readonly distribution: MakeDistribution;
  /** Undefined if nobody else reads them. */
  readonly uncounted: UncountedRecords | undefined;
}

/** In plain objects. */
export const OWN_MEMORY: Storage = { count: ownCount, distribution: emptyDistribution, uncounted: undefined };
