/** The durations that the rules use, in seconds. */
export interface Durations {
  /** How often Prometheus evaluates the rules. */
  readonly interval: number;
  /** The range of rates and averages. */
  readonly window: number;
  /** The `for` of most alerts. It is twice the window, so an event that is shorter than the window never fires an alert. */
  readonly defaultFor: number;
  /** The `for` of alerts where a late page costs more than a needless one. */
  readonly urgentFor: number;
  /** The range of rates of rare events, and the `for` of their alerts. It is longer, so that a single restart never fires one. */
  readonly rareWindow: number;
  readonly rareFor: number;
  /** The `for` of alerts that have to fire within a minute or two. */
  readonly shortFor: number;
  /** How long an alert keeps firing after its condition ends, so that it does not flap. */
  readonly keepFiringFor: number;
  /** What a ratio is compared with: the same hour yesterday, which has the same load. */
  readonly baseline: { readonly window: number; readonly offset: number };
  /** How far back the rules look for what targets had, and the step of that subquery. */
  readonly targetLookback: { readonly range: number; readonly step: number };
  /** How far back the rules look for a connection to a server that cannot be reached now. */
  readonly reachedLookback: number;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The durations in the committed rule files. */
export const DURATIONS: Durations = {
  interval: MINUTE,
  window: 5 * MINUTE,
  defaultFor: 10 * MINUTE,
  urgentFor: 5 * MINUTE,
  rareWindow: 20 * MINUTE,
  rareFor: 30 * MINUTE,
  shortFor: MINUTE,
  keepFiringFor: 5 * MINUTE,
  baseline: { window: HOUR, offset: DAY },
  /** Thirteen minutes do not divide an hour, so the steps do not fall on the same minutes as a job of cron. */
  targetLookback: { range: DAY, step: 13 * MINUTE },
  reachedLookback: DAY,
};

/** Shorter durations, for tests that cannot wait: with a factor of 30, 5m become 10s and 10m become 20s. */
export function scaledDown(factor: number, durations: Durations = DURATIONS): Durations {
  const scaled = (seconds: number) => Math.max(1, Math.round(seconds / factor));
  const { baseline, targetLookback } = durations;
  return {
    interval: scaled(durations.interval),
    window: scaled(durations.window),
    defaultFor: scaled(durations.defaultFor),
    urgentFor: scaled(durations.urgentFor),
    rareWindow: scaled(durations.rareWindow),
    rareFor: scaled(durations.rareFor),
    shortFor: scaled(durations.shortFor),
    keepFiringFor: scaled(durations.keepFiringFor),
    baseline: { window: scaled(baseline.window), offset: scaled(baseline.offset) },
    targetLookback: { range: scaled(targetLookback.range), step: scaled(targetLookback.step) },
    reachedLookback: scaled(durations.reachedLookback),
  };
}

const UNITS = { d: DAY, h: HOUR, m: MINUTE } as const;

/** Seconds as a Prometheus duration, in the largest unit that divides them: 300 is `5m`. */
export function promDuration(seconds: number): string {
  for (const [unit, size] of Object.entries(UNITS)) if (seconds % size === 0) return `${seconds / size}${unit}`;
  return `${seconds}s`;
}
