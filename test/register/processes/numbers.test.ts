import { expect, test } from 'vitest';
import { MetricRegistry } from '../../../src/metrics/registry.ts';
import { type Reading, readAll } from '../../../src/metrics/table.ts';
import { type Numbers, numbersOf, Sum } from '../../../src/register/processes/numbers.ts';

const HERE = { address: 'a.test', port: 80 };

/** A process that has opened this many connections, one of which is idle, and has seen this many ports in use. */
function processWith(opened: number, ports: number, origin = HERE, wasted = 0.1): Numbers {
  const registry = new MetricRegistry(10);
  const counts = registry.originCounts(origin, true);
  counts.opened('first', undefined).value = opened;
  counts.wastedSetup.value = wasted;
  counts.inUse('1.1').idle.value = 1;
  registry.histograms.record('connmeter.connect.duration', 0.003, counts.attributes);
  registry.ports = { timeWait: ports, inUse: 1, range: 28_000 };
  return JSON.parse(JSON.stringify(numbersOf(readAll(registry)))) as Numbers;
}

const valuesOf = (readings: readonly Reading[], name: string) =>
  readings
    .find(({ metric }) => metric.name === name)
    ?.series.map(series => ('buckets' in series ? { ...series, attributes: undefined } : series.value));

test('counts, histograms and gauges are added; what describes the same for all is not', () => {
  const sum = new Sum(10);
  sum.add(processWith(2, 7));
  sum.add(processWith(3, 9));

  expect(valuesOf(sum.readings, 'connmeter.connection.opened')).toEqual([5, 0, 0, 0, 0]);
  expect(valuesOf(sum.readings, 'http.client.open_connections')).toEqual([0, 2]);
  expect(valuesOf(sum.readings, 'connmeter.connect.duration')).toEqual([
    { attributes: undefined, buckets: [0, 2, 0, 0, 0, 0, 0], sum: 0.006, count: 2 },
  ]);
  expect(valuesOf(sum.readings, 'connmeter.ports.time_wait')).toEqual([9]);
});

test('of an ended process only the totals remain, without its gauges', () => {
  const sum = new Sum(10);
  sum.add(processWith(2, 7), 'totals');

  expect(valuesOf(sum.readings, 'connmeter.connection.opened')).toEqual([2, 0, 0, 0, 0]);
  expect(valuesOf(sum.readings, 'connmeter.connect.duration')).toMatchObject([{ count: 1 }]);
  expect(sum.readings.filter(({ metric }) => metric.kind === 'upDownCounter')).toEqual([]);
  expect(sum.totals).toEqual(sum.numbers);
});

test('what was added can be taken away again', () => {
  const sum = new Sum(10);
  sum.add(processWith(5, 1), 'totals');
  sum.add(processWith(3, 1), 'totals', -1);

  expect(valuesOf(sum.readings, 'connmeter.connection.opened')).toEqual([2, 0, 0, 0, 0]);
  expect(valuesOf(sum.readings, 'connmeter.connect.duration')).toMatchObject([{ count: 0, sum: 0 }]);
});

test('nothing falls below what was served before, not even by rounding', () => {
  const before = new Sum(10);
  const processes = [0.2, 0.7, 0.1].map(wasted => processWith(1, 1, HERE, wasted));
  for (const each of processes) before.add(each, 'totals');
  const after = new Sum(10);
  after.add(before.totals, 'totals');
  for (const each of processes) after.add(each, 'totals', -1);
  for (const each of processes) after.add(each, 'totals');
  const [served] = valuesOf(before.readings, 'connmeter.setup.wasted') as [number];
  const [rounded] = valuesOf(after.readings, 'connmeter.setup.wasted') as [number];
  expect(rounded).toBeLessThan(served);

  after.raiseTo(before.totals);

  expect(valuesOf(after.readings, 'connmeter.setup.wasted')?.[0]).toBeGreaterThanOrEqual(served);
  expect(after.totals).toEqual(before.totals);
});

test('a series that is missing now is served as before', () => {
  const before = new Sum(10);
  before.add(processWith(4, 1));
  const after = new Sum(10);
  after.raiseTo(before.totals);

  expect(after.totals).toEqual(before.totals);
});

test('the addresses of all processes together are bounded', () => {
  const sum = new Sum(2);
  for (const address of ['a.test', 'b.test', 'c.test', 'd.test']) {
    sum.add(processWith(1, 1, { address, port: 80 }));
  }
  const opened = sum.readings.find(({ metric }) => metric.name === 'connmeter.connection.opened');
  const of = (address: string) =>
    opened?.series
      .filter(({ attributes }) => attributes['server.address'] === address)
      .map(series => 'value' in series && series.value);

  expect(of('a.test')).toEqual([1, 0, 0, 0, 0]);
  expect(of('c.test')).toEqual([]);
  expect(of('_OTHER')).toEqual([2, 0, 0, 0, 0]);
});
