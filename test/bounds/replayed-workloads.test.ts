import { expect, test } from 'vitest';
import { replayWorkload } from './replay-workload.ts';

// The limits of docs/design.md, "Promises". Actual values are far below them, so a missing bound fails clearly.
const MOST_SERIES = 10_000;
const MOST_SERIES_PER_ORIGIN = 80;
const MOST_HEAP = 12e6;
const MOST_BYTES_PER_CONNECTION = 2_048;
const PATIENCE = 120_000; // takes seconds on an idle machine

const WELL = { faults: [], notZero: [] };

test(
  'a crawl of 100,000 host names leaves few series and little heap, and counts every connection',
  async () => {
    const { ownHeap, series, ...outcome } = await replayWorkload('hosts');

    expect(outcome).toMatchObject({ ...WELL, opened: 65_000, closed: 65_000, failed: 35_000, requests: 65_000 });
    expect(series).toBeLessThan(MOST_SERIES);
    expect(ownHeap).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);

test(
  'a crawl of 100,000 ports leaves few series and little heap, and counts every connection',
  async () => {
    const { ownHeap, series, ...outcome } = await replayWorkload('ports');

    expect(outcome).toMatchObject({ ...WELL, opened: 100_000, closed: 100_000, failed: 0 });
    expect(series).toBeLessThan(MOST_SERIES);
    expect(ownHeap).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);

test(
  'an open connection takes at most 2 KiB of heap',
  async () => {
    const { ownHeap, series, times, ...outcome } = await replayWorkload('openings');

    expect(outcome).toMatchObject({ opened: times, closed: 0, requests: times, faults: [] });
    expect(outcome.notZero).toHaveLength(2); // open connections and active requests
    for (const gauge of outcome.notZero) expect(gauge).toMatch(new RegExp(` is ${times}$`));
    expect(series).toBeLessThan(MOST_SERIES_PER_ORIGIN);
    expect(ownHeap / times).toBeLessThan(MOST_BYTES_PER_CONNECTION);
  },
  PATIENCE,
);

test(
  'a million aborted requests leave only their counts behind',
  async () => {
    const { ownHeap, times, seriesOfBusiest, ...outcome } = await replayWorkload('aborts');

    expect(outcome).toMatchObject({
      opened: times / 10,
      closed: times / 10 - 1,
      failed: 0,
      requests: times,
      faults: [],
    });
    expect(outcome.notZero).toEqual([expect.stringMatching(/"http.connection.state":"idle"} is 1$/)]); // the HTTP/2 session
    expect(seriesOfBusiest).toBeLessThan(MOST_SERIES_PER_ORIGIN);
    expect(ownHeap).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);

test(
  '50,000 failing lookups with arbitrary error codes leave few series and little heap',
  async () => {
    const { ownHeap, series, times, ...outcome } = await replayWorkload('lookups');

    expect(outcome).toMatchObject({ ...WELL, opened: 0, failed: times, failedLookups: times });
    expect(series).toBeLessThan(MOST_SERIES);
    expect(ownHeap).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);

test(
  'every kind of failure at 200 hosts leaves few series and little heap',
  async () => {
    const { ownHeap, series, seriesOfBusiest, times, ...outcome } = await replayWorkload('failures');

    expect(outcome).toMatchObject({ ...WELL, opened: 0, failed: times });
    expect(series).toBeLessThan(MOST_SERIES);
    expect(seriesOfBusiest).toBeLessThanOrEqual(MOST_SERIES_PER_ORIGIN);
    expect(ownHeap).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);
