import { expect, test } from 'vitest';
import { BOUNDARIES, Histograms } from '../../src/metrics/histograms.ts';

const HERE = { 'server.address': 'a.test' };

test('a value counts in the first bucket whose boundary is not smaller, and above all boundaries in the last', () => {
  const histograms = new Histograms();
  for (const seconds of [0, 0.001, 0.0011, 3, 3.1]) histograms.record('connmeter.connect.duration', seconds, HERE);

  expect([...histograms.of('connmeter.connect.duration')]).toEqual([
    { attributes: HERE, buckets: [2, 1, 0, 0, 0, 1, 1], sum: 0 + 0.001 + 0.0011 + 3 + 3.1, count: 5 },
  ]);
});

test('the same attributes are the same series, in one histogram', () => {
  const histograms = new Histograms();
  histograms.record('connmeter.connect.duration', 1, HERE);
  histograms.record('connmeter.connect.duration', 1, HERE);
  histograms.record('connmeter.tls.handshake.duration', 1, HERE);
  histograms.record('connmeter.connect.duration', 1, { ...HERE });

  const counts = [...histograms.of('connmeter.connect.duration')].map(({ count }) => count);
  expect(counts).toEqual([2, 1]);
});

test('the boundaries of each histogram ascend', () => {
  for (const boundaries of Object.values<readonly number[]>(BOUNDARIES)) {
    expect([...new Set(boundaries)].toSorted((a, b) => a - b)).toEqual(boundaries);
  }
});
