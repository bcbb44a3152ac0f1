/** The median and the quartiles of a list of numbers. */
export interface Spread {
  readonly median: number;
  /** The quartiles. */
  readonly low: number;
  readonly high: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

export function median(values: readonly number[]): number {
  return spreadOf(values).median;
}

function quantile(sorted: readonly number[], part: number): number {
  const at = (sorted.length - 1) * part;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** Differences per round, which remove effects that are common to a round. */
export function differences(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value - (theirs[round] ?? Number.NaN));
}

/**
 * With 95 % confidence, the median is at most this, for any distribution: the lowest value that more values lie below than chance
 * explains. Undefined for fewer than five values.
 */
export function upperBound(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  // The chance that the median is above the highest value, then above the second highest, and so on.
  let chance = 1 / 2 ** n;
  let total = chance;
  let above = 0;
  while (total <= 0.05) {
    above++;
    chance = (chance * (n - above + 1)) / above;
    total += chance;
  }
  return above === 0 ? undefined : sorted[n - above];
}
