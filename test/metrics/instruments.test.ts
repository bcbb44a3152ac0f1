import { createAllowListAttributesProcessor, MeterProvider } from '@opentelemetry/sdk-metrics';
import { expect, test } from 'vitest';
import { ShownMetrics } from '../../src/metrics/detail.ts';
import { BOUNDARIES } from '../../src/metrics/histograms.ts';
import { createInstruments } from '../../src/metrics/instruments.ts';
import { MetricRegistry } from '../../src/metrics/registry.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { ManualReader } from '../support/manual-reader.ts';

function instrumentsOf(registry: MetricRegistry, refresh = () => {}) {
  const reader = new ManualReader();
  const instruments = createInstruments(
    new MeterProvider({ readers: [reader] }).getMeter('test'),
    registry,
    new ShownMetrics('full'),
    refresh,
  );
  instruments.start();
  const collect = async () => {
    const { resourceMetrics } = await reader.collect();
    return resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics);
  };
  return { ...instruments, collect };
}

test('each row is an instrument with its name, unit, description and boundaries', async () => {
  const registry = new MetricRegistry(10);
  const counts = registry.originCounts({ address: 'a.test', port: 80 }, true);
  counts.inUse('1.1');
  counts.attempt('ipv4', 'ok');
  counts.initialiseFailures('connect');
  counts.closed('error');
  for (let i = 0; i < 20; i++) counts.idleLimit.add(5);
  counts.mostConnections.value = 50;
  counts.streams.most.value = 20;
  counts.streams.limit.value = 100;
  counts.goaway('NO_ERROR');
  registry.originCounts({ address: 'db.test', port: 5432 }, false);
  registry.listenerCounts({ address: '::', port: 80 }, true).inUse('1.1');
  registry.pendingTo({ address: 'a.test', port: 80 }).in('connect');
  registry.ports = { timeWait: 1, inUse: 2, range: 3 };
  registry.aborts = { unread: 1, late: 2 };
  registry.threadPoolDelay = 0.001;
  const { record, collect } = instrumentsOf(registry);
  for (const metric of METRICS) if (metric.kind === 'histogram') record(metric.name, 1, {});

  const metrics = await collect();

  expect(
    metrics.map(({ descriptor: { name, unit, description } }) => ({ name, unit, description })).sort(byName),
  ).toEqual(METRICS.map(({ name, unit, description }) => ({ name, unit, description })).sort(byName));
  for (const metric of METRICS) {
    if (metric.kind !== 'histogram') continue;
    const point = metrics.find(({ descriptor }) => descriptor.name === metric.name)?.dataPoints[0];
    expect(point?.value).toMatchObject({ buckets: { boundaries: BOUNDARIES[metric.name] } });
  }
});

test('the registry is refreshed before it is read', async () => {
  const registry = new MetricRegistry(10);
  const counts = registry.originCounts({ address: 'a.test', port: 80 }, true);
  const { collect } = instrumentsOf(registry, () => {
    counts.opened('first', undefined).value = 7;
  });

  const metrics = await collect();

  const opened = metrics.find(({ descriptor }) => descriptor.name === 'connmeter.connection.opened');
  expect(opened?.dataPoints[0]).toMatchObject({ value: 7, attributes: { 'connmeter.open.cause': 'first' } });
});

test('an origin without HTTP has no HTTP series', async () => {
  const registry = new MetricRegistry(10);
  registry.originCounts({ address: 'db.test', port: 5432 }, false);
  const { collect } = instrumentsOf(registry);

  const withSeries = (await collect()).filter(({ dataPoints }) => dataPoints.length > 0);

  expect(withSeries.map(({ descriptor }) => descriptor.name).sort()).toEqual([
    'connmeter.connection.opened',
    'connmeter.dns.pending',
    'connmeter.dns.repeated',
    'connmeter.faults',
    'connmeter.open_connections',
    'connmeter.processes',
    'connmeter.threads',
  ]);
});

test('unavailable host values have no series', async () => {
  const registry = new MetricRegistry(10);
  const { collect } = instrumentsOf(registry);
  const ports = async () =>
    (await collect())
      .filter(({ descriptor }) => descriptor.name.startsWith('connmeter.ports.'))
      .map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ value }) => value)]);
  expect((await ports()).filter(([, values]) => values?.length)).toEqual([]);

  registry.ports = { timeWait: 7, inUse: 8, range: 9 };

  expect(await ports()).toEqual([
    ['connmeter.ports.time_wait', [7]],
    ['connmeter.ports.in_use', [8]],
    ['connmeter.ports.ephemeral', [9]],
  ]);
});

test('a listener without HTTP has no HTTP series, and its open connections have no state', async () => {
  const registry = new MetricRegistry(10);
  registry.listenerCounts({ address: '::', port: 5432 }, false).open.value = 3;
  const { collect } = instrumentsOf(registry);

  const withSeries = (await collect()).filter(({ dataPoints }) => dataPoints.length > 0);

  expect(withSeries.map(({ descriptor }) => descriptor.name).sort()).toEqual([
    'connmeter.dns.pending',
    'connmeter.dns.repeated',
    'connmeter.faults',
    'connmeter.processes',
    'connmeter.server.connection.accepted',
    'connmeter.server.connection.closed',
    'connmeter.server.connection.open',
    'connmeter.server.connection.refused',
    'connmeter.threads',
  ]);
  const open = withSeries.find(({ descriptor }) => descriptor.name === 'connmeter.server.connection.open');
  expect(open?.dataPoints).toMatchObject([{ value: 3, attributes: { 'server.address': '::', 'server.port': 5432 } }]);
});

test('what a View leaves out is added up', async () => {
  const registry = new MetricRegistry(10);
  const reader = new ManualReader();
  const attributesProcessors = [createAllowListAttributesProcessor(['server.address'])];
  const views = [{ instrumentName: 'connmeter.*', attributesProcessors }];
  const meter = new MeterProvider({ readers: [reader], views }).getMeter('test');
  createInstruments(meter, registry, new ShownMetrics('full'), () => {}).start();
  const counts = registry.originCounts({ address: 'a.test', port: 80 }, true);
  const other = registry.originCounts({ address: 'a.test', port: 81 }, true);
  const valuesOf = async (name: string) => {
    const { resourceMetrics } = await reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics);
    return metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints.map(({ value }) => value);
  };

  counts.opened('first', undefined).value = 1;
  counts.opened('new_pool', undefined).value = 4;
  other.opened('first', undefined).value = 1;
  counts.held.value = 3;
  other.held.value = 2;
  expect(await valuesOf('connmeter.connection.opened')).toEqual([6]);
  expect(await valuesOf('connmeter.body.held')).toEqual([5]);

  counts.opened('new_pool', undefined).value = 5;
  counts.held.value = 0;
  expect(await valuesOf('connmeter.connection.opened')).toEqual([7]);
  expect(await valuesOf('connmeter.body.held')).toEqual([2]);
});

function byName(a: { name: string }, b: { name: string }): number {
  return a.name.localeCompare(b.name);
}
