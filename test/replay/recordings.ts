import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

/** The scrapes of one program. */
export interface Recording {
  readonly program: string;
  /** Seconds between scrapes. The first scrape is at second 0. */
  readonly interval: number;
  /** How many scrapes belong to the start of the program. */
  readonly warmUp: number;
  readonly scrapes: number;
  readonly series: readonly RecordedSeries[];
}

export interface RecordedSeries {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** One value per scrape; null before the series exists, and while it is gone. */
  readonly values: readonly (number | null)[];
}

const FOLDER = join(import.meta.dirname, 'recordings');

/** In the files, each value is the difference to the one before it, which makes them small. */
export function writeRecording(recording: Recording): void {
  const series = recording.series.map(each => ({ ...each, values: differences(each.values) }));
  const text = JSON.stringify({ ...recording, series });
  writeFileSync(join(FOLDER, `${recording.program}.json.gz`), gzipSync(text, { level: 9 }));
}

export function readRecording(program: string): Recording {
  const recording = JSON.parse(String(gunzipSync(readFileSync(join(FOLDER, `${program}.json.gz`))))) as Recording;
  const series = recording.series.map(each => ({ ...each, values: sums(each.values) }));
  return { ...recording, series };
}

/** The names of all recorded programs. */
export const recorded = (): string[] =>
  globSync('*.json.gz', { cwd: FOLDER })
    .map(path => basename(path, '.json.gz'))
    .sort();

function differences(values: readonly (number | null)[]): (number | null)[] {
  let before = 0;
  return values.map(value => {
    if (value === null) return null;
    const difference = rounded(value - before);
    before = rounded(before + difference);
    return difference;
  });
}

function sums(values: readonly (number | null)[]): (number | null)[] {
  let sum = 0;
  return values.map(value => {
    if (value === null) return null;
    sum = rounded(sum + value);
    return sum;
  });
}

const rounded = (value: number) => Math.round(value * 1_000) / 1_000;

/** Whether a metric only grows. The others are gauges. */
export const isCounter = (name: string): boolean => /_(total|count|sum|bucket)$/.test(name);
