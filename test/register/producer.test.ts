import * as api from '@opentelemetry/api';
import * as resources from '@opentelemetry/resources';
import type { Histogram, MetricData } from '@opentelemetry/sdk-metrics';
import * as metrics from '@opentelemetry/sdk-metrics';
import { expect, test } from 'vitest';
import type { MetricRegistry } from '../../src/metrics/registry.ts';
import { readAll } from '../../src/metrics/table.ts';
import { metricProducer, type Temporality } from '../../src/register/producer.ts';
import { bothOutlets, FILLED, fill } from '../support/both-outlets.ts';
import { ManualReader } from '../support/manual-reader.ts';

const SCOPE = { name: 'connmeter', version: '1' };

function readerOf(registry: MetricRegistry, temporality: Temporality) {
  const producer = metricProducer(
    { api, metrics, resources },
    { scope: SCOPE, temporality, collect: async () => readAll(registry) },
  );
  const reader = new ManualReader({ metricProducers: [producer] });
  new metrics.MeterProvider({ readers: [reader] });
  return async () => {
    const { resourceMetrics, errors } = await reader.collect();
    expect(errors).toEqual([]);
    return resourceMetrics.scopeMetrics;
  };
}

/** Without times, and without the smallest and largest value, which only the SDK has. */
function comparable(data: readonly MetricData[]) {
  return data.map(({ descriptor: { name, unit, description }, dataPoints, ...rest }) => ({
    ...rest,
    descriptor: { name, unit, description },
    dataPoints: dataPoints.map(({ attributes, value }) => {
      if (typeof value === 'number') return { attributes, value };
      const { buckets, count, sum } = value as Histogram;
      return { attributes, buckets, count, sum };
    }),
  }));
}

test('a reader of the SDK gets the same from the producer as from instruments', async () => {
  const outlets = bothOutlets('1');
  fill(outlets, ['a.test', 'b.test']);

  const [ours] = await readerOf(outlets.registry, 'cumulative')();
  const { scopeMetrics } = await outlets.collect();

  expect(ours?.scope).toEqual({ ...scopeMetrics[0]?.scope });
  expect(comparable(ours?.metrics ?? [])).toEqual(comparable(scopeMetrics[0]?.metrics ?? []));
  expect(ours?.metrics).toHaveLength(FILLED.length);
});

test('with delta temporality, each collection has what is new; gauges are as they are', async () => {
  const { registry, record } = bothOutlets('1');
  const counts = registry.originCounts({ address: 'a.test', port: 80 }, true);
  const collect = readerOf(registry, 'delta');
  const readings = async () => {
    const [scope] = await collect();
    const valuesOf = (name: string) =>
      scope?.metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints.map(({ value }) => value);
    return {
      wasted: valuesOf('connmeter.setup.wasted'),
      held: valuesOf('connmeter.body.held'),
      requests: valuesOf('connmeter.connection.requests'),
    };
  };

  counts.wastedSetup.value = 5;
  counts.held.value = 2;
  record('connmeter.connection.requests', 7, counts.attributes);
  expect(await readings()).toMatchObject({ wasted: [5], held: [2], requests: [{ sum: 7, count: 1 }] });

  counts.wastedSetup.value = 6;
  record('connmeter.connection.requests', 1, counts.attributes);
  const second = await readings();
  expect(second).toMatchObject({ wasted: [1], held: [2], requests: [{ sum: 1, count: 1 }] });
  expect(second.requests?.[0]).toMatchObject({ buckets: { counts: [0, 1, 0, 0, 0, 0, 0, 0, 0] } });
  expect(await readings()).toMatchObject({ wasted: [0], held: [2], requests: [{ sum: 0, count: 0 }] });
});

test('a delta begins where the last one ended, and a total at the start', async () => {
  const { registry } = bothOutlets('1');
  registry.originCounts({ address: 'a.test', port: 80 }, true);
  const times = async (collect: ReturnType<typeof readerOf>) => {
    const [scope] = await collect();
    const data = scope?.metrics.find(({ descriptor }) => descriptor.name === 'connmeter.setup.wasted');
    return data?.dataPoints[0];
  };
  const [delta, total] = [readerOf(registry, 'delta'), readerOf(registry, 'cumulative')];

  const [firstDelta, firstTotal] = [await times(delta), await times(total)];
  await new Promise(resolve => setTimeout(resolve, 5));
  const [secondDelta, secondTotal] = [await times(delta), await times(total)];

  expect(secondDelta?.startTime).toEqual(firstDelta?.endTime);
  expect(secondTotal?.startTime).toEqual(firstTotal?.startTime);
  expect(secondTotal?.endTime).not.toEqual(firstTotal?.endTime);
});
