import type { LiveConnection } from '../../client/snapshot.ts';
import type { Finding, OriginOverview } from '../../explain/overview.ts';
import { originKey, originName } from './names.ts';
import type { Severity, Verdict } from './verdict.ts';

/** How many origins, and how many open connections, are drawn at most. */
export const MAX_ROWS = 200;
/** How many findings are drawn at first, and how many if somebody wants more. */
export const FIRST_FINDINGS = 5;
export const MAX_FINDINGS = 50;

/** The findings of each origin, the worst first. */
export function findingsByOrigin(findings: readonly Finding[]): ReadonlyMap<string, readonly Finding[]> {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = originKey(finding);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [finding]);
    else group.push(finding);
  }
  return groups;
}

export interface JudgedOrigin {
  readonly origin: OriginOverview;
  readonly verdict: Verdict;
  /** How many seconds its findings have wasted. */
  readonly seconds: number;
}

const RANKS: Readonly<Record<Severity, number>> = { bad: 0, watch: 1, good: 2, unused: 3 };

/** The worst origins first. */
export function worstFirst(origins: readonly JudgedOrigin[]): JudgedOrigin[] {
  const ranked = origins.map(judged => ({
    judged,
    rank: RANKS[judged.verdict.severity],
    name: originName(judged.origin),
  }));
  ranked.sort(
    (a, b) =>
      a.rank - b.rank ||
      step(b.judged.seconds) - step(a.judged.seconds) ||
      (a.name < b.name ? -1 : Number(a.name > b.name)),
  );
  return ranked.map(({ judged }) => judged);
}

/**
 * Two origins that waste about as much would swap places all the time. So only the magnitude counts: another step is twice as
 * much.
 */
function step(seconds: number): number {
  return seconds <= 0.001 ? -10 : Math.floor(Math.log2(seconds));
}

const STATES: Readonly<Record<LiveConnection['state'], number>> = { opening: 1, active: 2, idle: 3 };

/** Held connections first, then those that are being opened, active and idle ones; of each kind the oldest first. */
export function heldFirst(live: readonly LiveConnection[]): LiveConnection[] {
  const rank = ({ heldFor, state }: LiveConnection) => (heldFor === undefined ? STATES[state] : 0);
  return live.toSorted((a, b) => rank(a) - rank(b) || (b.heldFor ?? 0) - (a.heldFor ?? 0) || b.age - a.age);
}
