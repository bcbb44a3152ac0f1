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

/** A figure of a variant: in each round, one value per turn. */
export type Rounds = readonly (readonly number[])[];

/** One value per round: the median of its turns. */
export function perRound(rounds: Rounds): number[] {
  return rounds.map(median);
}

/** The median of the rounds. */
export function typical(rounds: Rounds): number {
  return median(perRound(rounds));
}

/** Combines the values of the same turns of two variants. What slowed down the machine is in both of them. */
export function paired(ours: Rounds, theirs: Rounds, combine: (our: number, their: number) => number): Rounds {
  return ours.map((turns, round) => turns.map((our, turn) => combine(our, theirs[round]?.[turn] ?? Number.NaN)));
}

/** How much more one is than the other, in each round. */
export function differences(ours: Rounds, theirs: Rounds): number[] {
  return perRound(paired(ours, theirs, (our, their) => our - their));
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
