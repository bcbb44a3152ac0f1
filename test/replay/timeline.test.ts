import { expect, test } from 'vitest';
import type { Recording } from './recordings.ts';
import { type Life, randomNumbers, Samples, type Scraping } from './timeline.ts';

/** 2 requests/s in the first 20 s, then 1 request/s, and a gauge that shows the scrape of the recording. */
const recording: Recording = {
  program: 'a',
  interval: 5,
  warmUp: 4,
  scrapes: 17,
  series: [
    {
      name: 'requests_total',
      labels: { path: '/' },
      values: Array.from({ length: 17 }, (_, at) => 5 * at + 5 * Math.min(at, 4)),
    },
    { name: 'scrape', labels: {}, values: Array.from({ length: 17 }, (_, at) => at) },
    { name: 'errors_total', labels: {}, values: Array.from({ length: 17 }, (_, at) => (at < 10 ? null : 1)) },
  ],
};

const EXACT: Scraping = { interval: 60, failed: 0, missed: 0, late: 0 };
const onTime = () => 0.5;

const life = (from: number, to: number, more: Partial<Life> = {}): Life => ({
  labels: { job: 'a' },
  from,
  to,
  segments: [{ recording, from, isStart: true }],
  ...more,
});

function rows(minutes: number, lives: readonly Life[], random = onTime, scraping = EXACT): Record<string, string[]> {
  const samples = new Samples(minutes * 60, () => true, random, scraping);
  for (const each of lives) samples.add(each);
  return Object.fromEntries(
    Array.from(samples.lines(), line => {
      const [, series = '', values = ''] = /series: '(.*)'\n.*values: (.*)\n/.exec(line) ?? [];
      return [series.replace(/\{.*/, ''), values.split(' ').flatMap(repeated)];
    }),
  );
}

function repeated(word: string): string[] {
  const [, value = '', times] = /^(.+?)(?:x(\d+))?$/.exec(word) ?? [];
  const count = times === undefined ? 1 : Number(times) + (value === '_' ? 0 : 1);
  return Array.from({ length: count }, () => value);
}

test('a counter grows as fast as in the recording, for as long as the process lives', () => {
  // Second 2 belongs to scrape 0. The start adds 20 once; the rest of the recording is repeated.
  expect(rows(6, [life(0, 1_000)])['requests_total']).toEqual(['0', '80', '140', '200', '260', '320', '380']);
});

test('a counter appears with its first event, and stays when the recording starts again', () => {
  expect(rows(4, [life(0, 1_000)])['errors_total']).toEqual(['_', '1', '2', '3', '4']);
});

test('a gauge has the values of the recording, without those of the start once that is over', () => {
  const scrapes = (rows(30, [life(0, 10_000)])['scrape'] ?? []).map(Number);

  expect(scrapes.slice(0, 2)).toEqual([0, 12]);
  expect(Math.min(...scrapes.slice(1))).toBeGreaterThanOrEqual(recording.warmUp);
});

test('a process that replaces another one starts at 0; the last one ends with stale samples', () => {
  const { requests_total: requests = [], up = [] } = rows(6, [life(0, 110), life(130, 290)]);

  expect(requests).toEqual(['0', '80', 'stale', '70', '130', 'stale', '_']);
  expect(up).toEqual(['1', '1', 'stale', '1', '1', 'stale', '_']);
});

test('a segment goes on where the one before it ended', () => {
  const segments = [
    { recording, from: 0, isStart: true },
    { recording, from: 120, isStart: false },
  ];

  expect(rows(4, [life(0, 1_000, { segments })])['requests_total']).toEqual(['0', '80', '140', '200', '260']);
});

test('during an outage the series are stale, and the target is down or still up', () => {
  const outage = { from: 120, to: 240 };

  const down = rows(5, [life(0, 1_000, { outage: { ...outage, kind: 'down' } })]);
  expect(down['up']).toEqual(['1', '1', '0', '0', '1', '1']);
  expect(down['requests_total']).toEqual(['0', '80', 'stale', '_', '260', '320']);
  const silent = rows(5, [life(0, 1_000, { outage: { ...outage, kind: 'silent' } })]);
  expect(silent['up']).toEqual(['1', '1', '1', '1', '1', '1']);
  expect(silent['requests_total']).toEqual(down['requests_total']);
});

test('some scrapes fail, are missed or are late, and the same seed has the same samples', () => {
  const often: Scraping = { interval: 60, failed: 0.1, missed: 0.1, late: 0.2 };
  const first = rows(500, [life(0, 100_000)], randomNumbers(7), often);

  const up = first['up'] ?? [];
  for (const value of ['0', '_']) {
    expect(up.filter(each => each === value).length).toBeGreaterThan(25);
    expect(up.filter(each => each === value).length).toBeLessThan(100);
  }
  const seen = (first['requests_total'] ?? []).filter(value => /^\d/.test(value)).map(Number);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(rows(500, [life(0, 100_000)], randomNumbers(7), often)).toEqual(first);
  expect(rows(500, [life(0, 100_000)], randomNumbers(8), often)).not.toEqual(first);
});
