/** What a row of numbers looks like: where its middle is, and how far it spreads. */
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

/** Round by round, what one took more than the other: what was alike for both in a round falls out. */
export function differences(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value - (theirs[round] ?? Number.NaN));
}

/**
 * Where the true median lies with 95 % certainty, whatever the distribution: between the k-th lowest and the k-th highest,
 * where k is the largest for which so few heads in so many tosses are rarer than one in forty. Nothing where there are too
 * few values to say (fewer than six).
 */
export function medianInterval(values: readonly number[]): { readonly from: number; readonly to: number } | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  let k = 0;
  let chance = 1 / 2 ** n;
  let total = chance;
  while (total <= 0.025) {
    chance = (chance * (n - k)) / (k + 1);
    k++;
    total += chance;
  }
  if (k === 0) return undefined;

  return { from: sorted[k - 1] as number, to: sorted[n - k] as number };
}
