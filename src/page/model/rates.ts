import type { OriginOverview, Overview } from '../../explain/overview.ts';
import { originKey } from './names.ts';

/** Rates are over so many seconds, or a little more. */
const WINDOW = 10;
/** After a longer gap, as when the tab was hidden, rates are those since the gap. In seconds. */
const MAX_GAP = 30;

/** What an origin has counted since the start of the process. */
export interface Totals {
  readonly opened: number;
  readonly failed: number;
  readonly fresh: number;
  readonly reused: number;
}

/** What it has counted in the last seconds. */
export interface Recent extends Totals {
  readonly seconds: number;
}

interface Sample {
  readonly at: number;
  readonly sum: number;
  readonly totals: ReadonlyMap<string, Totals>;
}

/** An origin may be listed twice: with and without HTTP. */
export function rowKey(origin: OriginOverview): string {
  return `${originKey(origin)} ${origin.http}`;
}

export function totalsOf({ opened, failed, requests }: OriginOverview): Totals {
  return { opened: sumOf(opened), failed: sumOf(failed), ...requests };
}

export function sumOf(counts: readonly { readonly count: number }[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}

/** Remembers the totals of the last seconds. Counters only grow: if they have fallen, the process has started again. */
export class History {
  /** The oldest first. */
  #samples: Sample[] = [];

  /** When the first overview came after counters had fallen, as `at` of the overview. Undefined if that has not happened. */
  restartedAt: number | undefined;

  add({ at, origins }: Pick<Overview, 'at' | 'origins'>): void {
    const totals = new Map(origins.map(origin => [rowKey(origin), totalsOf(origin)]));
    const sum = [...totals.values()].reduce(
      (all, each) => all + each.opened + each.failed + each.fresh + each.reused,
      0,
    );
    const last = this.#samples.at(-1);
    if (last !== undefined && at <= last.at && sum === last.sum) return; // the same overview again

    if (last !== undefined && sum < last.sum) {
      this.#samples = [];
      this.restartedAt = at;
    }
    if (secondsBetween(last, at) > MAX_GAP) this.#samples = [];
    this.#samples.push({ at, sum, totals });
    while (this.#samples.length > 2 && secondsBetween(this.#samples[1], at) >= WINDOW) this.#samples.shift();
  }

  /** Undefined until there are two overviews with this origin. */
  recent(key: string): Recent | undefined {
    const last = this.#samples.at(-1);
    const now = last?.totals.get(key);
    if (last === undefined || now === undefined) return undefined;

    for (const { at, totals } of this.#samples) {
      const before = totals.get(key);
      const seconds = (last.at - at) / 1000;
      if (seconds <= 0) break;
      if (before === undefined) continue;

      const recent = {
        opened: now.opened - before.opened,
        failed: now.failed - before.failed,
        fresh: now.fresh - before.fresh,
        reused: now.reused - before.reused,
        seconds,
      };
      // This origin alone has fallen if it was forgotten in between: what it counts is new.
      if (Math.min(recent.opened, recent.failed, recent.fresh, recent.reused) >= 0) return recent;
    }
    return undefined;
  }
}

function secondsBetween(sample: Sample | undefined, at: number): number {
  return sample === undefined ? 0 : (at - sample.at) / 1000;
}
