import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextRound } from 'node:timers/promises';

/** A performance entry of a garbage collection. */
interface GcEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number };
}

/** Number of minor and major garbage collections so far. */
export interface Collections {
  readonly minor: number;
  readonly major: number;
}

/** Starts counting; returns a function that resolves with the number of collections since. */
export function countCollections(): () => Promise<Collections> {
  const counts = { minor: 0, major: 0 };
  const observer = new PerformanceObserver(list => {
    for (const { detail } of list.getEntries() as GcEntry[]) {
      const { kind } = detail;
      if (kind === constants.NODE_PERFORMANCE_GC_MINOR) counts.minor++;
      if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) counts.major++;
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  return async () => {
    await nextRound(); // entries are delivered one round later
    await nextRound();
    return { ...counts };
  };
}
