import { expect, test } from 'vitest';
import { weather } from './replaying.ts';

// The ceilings of the design: docs/design.md, "Promises". Far below them is where we are; a bound that is lost shows at once.
const MOST_SERIES = 10_000;
const MOST_SERIES_PER_ORIGIN = 80;
const MOST_HEAP = 12e6;
const MOST_BYTES_PER_CONNECTION = 2_048;
const PATIENCE = 120_000; // seconds on a machine at rest

const WELL = { faults: [], notZero: [] };

test(
  'a crawl of 100,000 host names leaves few series and little heap, and every connection counted',
  async () => {
    const { ours, series, ...outcome } = await weather('hosts');

    expect(outcome).toMatchObject({ ...WELL, opened: 65_000, closed: 65_000, failed: 35_000, requests: 65_000 });
    expect(series).toBeLessThan(MOST_SERIES);
    expect(ours).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);

test(
  'a crawl of 100,000 ports leaves few series and little heap, and every connection counted',
  async () => {
    const { ours, series, ...outcome } = await weather('ports');

    expect(outcome).toMatchObject({ ...WELL, opened: 100_000, closed: 100_000, failed: 0 });
    expect(series).toBeLessThan(MOST_SERIES);
    expect(ours).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);

test(
  'a client that opens connections and never closes one takes 2 KiB for each at most',
  async () => {
    const { ours, series, times, ...outcome } = await weather('openings');

    expect(outcome).toMatchObject({ opened: times, closed: 0, requests: times, faults: [] });
    expect(outcome.notZero).toHaveLength(2); // open connections and active requests: all of them
    for (const gauge of outcome.notZero) expect(gauge).toMatch(new RegExp(` is ${times}$`));
    expect(series).toBeLessThan(MOST_SERIES_PER_ORIGIN);
    expect(ours / times).toBeLessThan(MOST_BYTES_PER_CONNECTION);
  },
  PATIENCE,
);

test(
  'a million aborted requests leave nothing behind but their counts',
  async () => {
    const { ours, times, seriesOfBusiest, ...outcome } = await weather('aborts');

    expect(outcome).toMatchObject({
      opened: times / 10,
      closed: times / 10 - 1,
      failed: 0,
      requests: times,
      faults: [],
    });
    expect(outcome.notZero).toEqual([expect.stringMatching(/"http.connection.state":"idle"} is 1$/)]); // the one that stays
    expect(seriesOfBusiest).toBeLessThan(MOST_SERIES_PER_ORIGIN);
    expect(ours).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);

test(
  'a storm of failing lookups, with error codes that nobody knows, leaves few series and little heap',
  async () => {
    const { ours, series, times, ...outcome } = await weather('lookups');

    expect(outcome).toMatchObject({ ...WELL, opened: 0, failed: times, failedLookups: times });
    expect(series).toBeLessThan(MOST_SERIES);
    expect(ours).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);

test(
  'a network that fails in every way it can, at every host, leaves few series',
  async () => {
    const { ours, series, seriesOfBusiest, times, ...outcome } = await weather('failures');

    expect(outcome).toMatchObject({ ...WELL, opened: 0, failed: times });
    expect(series).toBeLessThan(MOST_SERIES);
    expect(seriesOfBusiest).toBeLessThanOrEqual(MOST_SERIES_PER_ORIGIN);
    expect(ours).toBeLessThan(MOST_HEAP);
  },
  PATIENCE,
);
