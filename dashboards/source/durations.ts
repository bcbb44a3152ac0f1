/** Every duration of the rules, in seconds: the one place. */
export interface Clock {
  /** How often rules are evaluated. */
  readonly interval: number;
  /** What rates and means are taken over. */
  readonly window: number;
  /** How long a condition stands before it fires. Twice the window: what is over within a window never fires. */
  readonly lasting: number;
  /** The same, where waiting costs more than a page too many. */
  readonly urgent: number;
  /** The same, where a minute is all there is. */
  readonly soon: number;
  /** How long an alert stays after its condition is gone, so that one at the edge does not come and go. */
  readonly lingering: number;
  /** The past that a ratio is compared with: as much of it, as long ago. The same hour of yesterday has the same load. */
  readonly past: { readonly over: number; readonly ago: number };
  /** How far back a target is remembered, and how closely: steps are cheaper than samples. */
  readonly memory: { readonly over: number; readonly step: number };
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** What users install. */
export const CLOCK: Clock = {
  interval: MINUTE,
  window: 5 * MINUTE,
  lasting: 10 * MINUTE,
  urgent: 5 * MINUTE,
  soon: MINUTE,
  lingering: 5 * MINUTE,
  past: { over: HOUR, ago: DAY },
  memory: { over: DAY, step: 15 * MINUTE },
};

/** A clock that runs so many times as fast, for tests that cannot wait: at 30, 5m are 10s and 10m are 20s. */
export function faster(times: number, { past, memory, ...clock }: Clock = CLOCK): Clock {
  const scaled = (seconds: number) => Math.max(1, Math.round(seconds / times));
  return {
    interval: scaled(clock.interval),
    window: scaled(clock.window),
    lasting: scaled(clock.lasting),
    urgent: scaled(clock.urgent),
    soon: scaled(clock.soon),
    lingering: scaled(clock.lingering),
    past: { over: scaled(past.over), ago: scaled(past.ago) },
    memory: { over: scaled(memory.over), step: scaled(memory.step) },
  };
}

const UNITS = { d: DAY, h: HOUR, m: MINUTE } as const;

/** As Prometheus writes it, in the largest unit that leaves no rest: 300 is `5m`. */
export function written(seconds: number): string {
  for (const [unit, size] of Object.entries(UNITS)) if (seconds % size === 0) return `${seconds / size}${unit}`;
  return `${seconds}s`;
}
