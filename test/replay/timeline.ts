import { isCounter, type Recording } from './recordings.ts';

/** Numbers between 0 and 1 that are the same for each seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A part of a process' life, in which it does what one recording shows. Times are in seconds of the replay. */
export interface Segment {
  readonly recording: Recording;
  readonly from: number;
  /** A process starts with the start of its recording. A segment of a running process starts somewhere in the rest. */
  readonly isStart: boolean;
  /** Starts at the end of the warm-up instead, for a recording of one event. */
  readonly isEvent?: boolean;
}

/** A process: its counters start at 0, and grow until it ends. */
export interface Life {
  readonly labels: Readonly<Record<string, string>>;
  readonly from: number;
  readonly to: number;
  readonly segments: readonly Segment[];
  /** Replaces values, for what cannot be recorded. */
  readonly synthetic?: (name: string, value: number, time: number) => number | undefined;
  /** Whether the target exists and cannot be scraped, or has no metrics of connmeter. */
  readonly outage?: { readonly from: number; readonly to: number; readonly kind: 'down' | 'silent' };
}

/** How regularly Prometheus scrapes. */
export interface Scraping {
  readonly interval: number;
  /** A scrape fails: `up` is 0, and the series end. */
  readonly failed: number;
  /** Prometheus itself misses the time of a scrape. */
  readonly missed: number;
  /** A scrape is late by up to half an interval. All others are late by up to 5 s. */
  readonly late: number;
}

export const SCRAPING: Scraping = { interval: 60, failed: 0.003, missed: 0.003, late: 0.02 };

type Values = (string | undefined)[];
type IsWanted = (name: string, labels: Readonly<Record<string, string>>) => boolean;

/** The samples of a replay, as promtool takes them: `_` is no sample, `stale` the end of a series. */
export class Samples {
  readonly scrapes: number;
  readonly #scraping: Scraping;
  readonly #random: () => number;
  readonly #rows = new Map<string, Values>();
  readonly #isWanted: IsWanted;

  constructor(duration: number, isWanted: IsWanted, random: () => number, scraping = SCRAPING) {
    this.scrapes = Math.floor(duration / scraping.interval) + 1;
    this.#isWanted = isWanted;
    this.#random = random;
    this.#scraping = scraping;
  }

  /** Scrapes a process for as long as it lives. */
  add(life: Life): void {
    const { interval, failed, missed, late } = this.#scraping;
    const growth = new Growth(life, this.#isWanted);
    const first = Math.max(0, Math.ceil(life.from / interval));
    const end = Math.min(this.scrapes, Math.ceil(life.to / interval));
    let wasScraped = false;
    for (let at = first; at < end; at++) {
      const [fate, delay] = [this.#random(), this.#random()];
      if (fate < missed) continue;

      const planned = at * interval;
      const time = planned + delay * (fate > 1 - late ? interval / 2 : 5);
      const { outage } = life;
      const inOutage = outage !== undefined && planned >= outage.from && planned < outage.to;
      const isDown = fate < missed + failed || (inOutage && outage.kind === 'down');
      const up = isDown ? '0' : '1';
      this.#set('up', life.labels, at, up);
      if (isDown || inOutage) {
        if (wasScraped) for (const { name, labels } of growth.series) this.#set(name, labels, at, 'stale');
        wasScraped = false;
        continue;
      }
      growth.at(Math.min(time, life.to), (name, labels, value) => {
        const shown = life.synthetic?.(name, value, planned) ?? value;
        this.#set(name, labels, at, String(Math.round(shown * 1_000) / 1_000));
      });
      wasScraped = true;
    }
    // Prometheus ends the series of a target that is gone.
    if (end < this.scrapes && end > first) {
      this.#set('up', life.labels, end, 'stale', true);
      for (const { name, labels } of growth.series) this.#set(name, labels, end, 'stale', true);
    }
  }

  #set(name: string, labels: Readonly<Record<string, string>>, at: number, value: string, ifFree = false): void {
    const key = seriesOf(name, labels);
    let values = this.#rows.get(key);
    if (values === undefined) {
      values = new Array<string | undefined>(this.scrapes);
      this.#rows.set(key, values);
    }
    if (!ifFree || values[at] === undefined) values[at] = value;
  }

  /** The lines of `input_series`. */
  *lines(): Generator<string> {
    for (const [key, values] of this.#rows) yield `      - series: '${key}'\n        values: ${shortened(values)}\n`;
  }

  get series(): number {
    return this.#rows.size;
  }
}

const keys = new WeakMap<object, Map<string, string>>();

function seriesOf(name: string, labels: Readonly<Record<string, string>>): string {
  let known = keys.get(labels);
  if (known === undefined) {
    known = new Map();
    keys.set(labels, known);
  }
  let key = known.get(name);
  if (key === undefined) {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
    key = `${name}{${pairs.join(',')}}`;
    known.set(name, key);
  }
  return key;
}

/** promtool reads repeated values much faster as `3x10`, which are eleven of them. */
function shortened(values: Values): string {
  const parts: string[] = [];
  for (let at = 0; at < values.length; ) {
    const value = values[at] ?? '_';
    let next = at + 1;
    while (next < values.length && (values[next] ?? '_') === value) next++;
    const times = next - at;
    if (times === 1 || value === 'stale') for (let i = 0; i < times; i++) parts.push(value);
    else parts.push(value === '_' ? `_x${times}` : `${value}x${times - 1}`);
    at = next;
  }
  return parts.join(' ');
}

interface Row {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** One for each segment; undefined if its recording does not have the series. */
  readonly values: readonly ((number | null)[] | undefined)[];
  readonly isCounter: boolean;
  /** Whether the series exists from the start of the process. */
  readonly isInitialised: boolean;
  /** What the segments that are over have added. */
  base: number;
  exists: boolean;
}

/**
 * Counters of causes, reasons and errors, of which a process has tens for each server, most of them 0. Rules add them up, or
 * compare them with a threshold, so the result is the same without those that stay 0.
 */
const isNeverMissed = (name: string) => /^connmeter_(server_)?connection_(opened|closed|failed)_total$/.test(name);

const staysZero = ({ labels, values }: Pick<Row, 'labels' | 'values'>) =>
  labels['connmeter_open_cause'] !== 'first' && values.every(each => each?.every(value => !value) ?? true);

/** The values of a process at any time of its life. Times must not decrease. */
class Growth {
  readonly #life: Life;
  readonly #rows: Row[];
  #segment = 0;

  constructor(life: Life, isWanted: IsWanted) {
    this.#life = life;
    const rows = new Map<string, { name: string; labels: Record<string, string>; values: Row['values'][number][] }>();
    life.segments.forEach(({ recording }, index) => {
      for (const { name, labels, values } of recording.series) {
        if (!isWanted(name, labels)) continue;

        const key = seriesOf(name, labels);
        const row = rows.get(key) ?? { name, labels: { ...life.labels, ...labels }, values: [] };
        row.values[index] = values as (number | null)[];
        rows.set(key, row);
      }
    });
    const kept = Array.from(rows.values()).filter(row => !isNeverMissed(row.name) || !staysZero(row));
    this.#rows = kept.map(row => {
      const isInitialised = row.values.some(values => values !== undefined && values[0] !== null);
      return { ...row, isCounter: isCounter(row.name), isInitialised, base: 0, exists: isInitialised };
    });
  }

  get series(): readonly Pick<Row, 'name' | 'labels'>[] {
    return this.#rows;
  }

  at(time: number, call: (name: string, labels: Row['labels'], value: number) => void): void {
    const { segments } = this.#life;
    for (let next = segments[this.#segment + 1]; next && next.from <= time; next = segments[this.#segment + 1]) {
      for (const row of this.#rows) if (row.isCounter) row.base += this.#grown(row, next.from);
      this.#segment++;
    }
    for (const row of this.#rows) {
      const value = row.isCounter ? row.base + this.#grown(row, time) : this.#gauge(row, time);
      if (row.exists) call(row.name, row.labels, value);
    }
  }

  /** Where in the recording a segment is: which scrape, and how often it has started again after the warm-up. */
  #position(time: number): { at: number; rounds: number; start: number } {
    const { recording, from, isStart, isEvent = false } = this.#life.segments[this.#segment] as Segment;
    const { interval, warmUp, scrapes } = recording;
    const last = scrapes - 1;
    const length = last - warmUp;
    // Processes of a service are not in step.
    const start = isStart ? 0 : isEvent ? warmUp : warmUp + (Math.round(from / interval) % length);
    const passed = start + Math.max(0, Math.floor((time - from) / interval));
    if (passed <= last) return { at: passed, rounds: 0, start };
    return { at: warmUp + ((passed - warmUp) % length), rounds: Math.floor((passed - warmUp) / length), start };
  }

  #grown(row: Row, time: number): number {
    const values = row.values[this.#segment];
    if (values === undefined) return 0;

    const { recording, isStart } = this.#life.segments[this.#segment] as Segment;
    const { at, rounds, start } = this.#position(time);
    if (values[at] !== null || rounds > 0) row.exists = true;
    const value = (index: number) => values[index] ?? 0;
    // The first scrape of a process shows what happened before it.
    const before = isStart ? 0 : value(start);
    return value(at) - before + rounds * (value(recording.scrapes - 1) - value(recording.warmUp));
  }

  #gauge(row: Row, time: number): number {
    const value = row.values[this.#segment]?.[this.#position(time).at];
    if (typeof value === 'number') row.exists = true;
    return value ?? 0;
  }
}
