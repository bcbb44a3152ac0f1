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
 * The 95 % confidence interval of the median for any distribution: from the k-th lowest to the k-th highest value, where k
 * is the largest number for which the binomial tail is below 2.5 %. Undefined for fewer than six values.
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
