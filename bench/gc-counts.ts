import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextRound } from 'node:timers/promises';

/** What Node says of a collection. */
interface GcEntry extends PerformanceEntry {
  readonly detail: { readonly kind: number };
}

/** How often the garbage collector has run so far: for new objects, and for all. */
export interface Collections {
  readonly minor: number;
  readonly major: number;
}

/** Begins to count; what it returns tells how many there were since. */
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
    await nextRound(); // entries are delivered a round late
    await nextRound();
    return { ...counts };
  };
}
