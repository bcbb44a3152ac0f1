import * as api from '@opentelemetry/api';
import * as resources from '@opentelemetry/resources';
import * as sdk from '@opentelemetry/sdk-metrics';
import { expect, test } from 'vitest';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { CLOSE_REASONS, SERVER_CLOSE_REASONS } from '../../src/core/reasons.ts';
import { mainErrors } from '../../src/metrics/basic.ts';
import { DETAILS, ShownMetrics } from '../../src/metrics/detail.ts';
import type { Reading } from '../../src/metrics/table.ts';
import { MetricsText } from '../../src/register/metrics-text.ts';
import { metricProducer } from '../../src/register/producer.ts';
import { bothOutlets, fill } from '../support/both-outlets.ts';
import { ManualReader } from '../support/manual-reader.ts';
import { piecesOf } from '../support/written-text.ts';

const WITHOUT_HTTP = [
  'client_idle_timeout',
  'peer_closed',
  'client_closed',
  'error',
  'proxy_refused',
  'upgraded',
] as const;
const ERRORS = [
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
  'EHOSTUNREACH',
  'aborted',
  'EACCES',
  'EMFILE',
  'ENETDOWN',
];

/** An origin with HTTP, one without, and a listener, after all that can happen to them. Every value is another one. */
function busiest(outlets: ReturnType<typeof bothOutlets>): void {
  const { registry, record } = outlets;
  let next = 1;
  const count = (counts: readonly { value: number }[]) => {
    for (const each of counts) each.value += next++;
  };
  for (const http of [true, false]) {
    const origin = registry.originCounts({ address: 'a.test', port: http ? 80 : 5432 }, http);
    for (const reason of http ? CLOSE_REASONS : WITHOUT_HTTP) origin.closed(reason);
    const causes = http
      ? OPEN_CAUSES.filter(cause => cause !== 'replaced')
      : (['first', 'pool_busy', 'unknown'] as const);
    for (const cause of causes) origin.opened(cause, undefined);
    for (const phase of ['dns', 'connect', 'tls', 'proxy'] as const) origin.initialiseFailures(phase);
    for (const error of ERRORS) for (const phase of ['connect', 'tls'] as const) origin.failure(phase, error);
    for (const type of ['ipv4', 'ipv6'] as const) origin.attempt(type, 'ok');
    const gauges = (http ? (['1.1', '2'] as const) : []).flatMap(version => Object.values(origin.inUse(version)));
    count([...origin.allOpened, ...origin.allClosed, ...origin.failures, ...origin.attempts, ...gauges]);
    count([origin.open, origin.held, origin.wastedSetup, origin.requests.fresh, origin.requests.reused]);
    for (const phase of ['dns', 'connect', 'tls'] as const)
      count([registry.pendingTo({ address: 'a.test', port: origin.port }).in(phase)]);
    for (const attributes of origin.histogramAttributes) record('http.client.connection.duration', 1, attributes);
    for (const resumed of [true, false])
      record('connmeter.tls.handshake.duration', 1, origin.handshake({ version: '1.3', resumed }));
    record('connmeter.connect.duration', 1, origin.attributes);
    record('connmeter.connection.requests', 1, origin.attributes);
  }
  const listener = registry.listenerCounts({ address: '::', port: 8080 }, true);
  for (const reason of SERVER_CLOSE_REASONS) listener.closed(reason);
  for (const version of ['1.1', '2'] as const) count(Object.values(listener.inUse(version)));
  count([...listener.allClosed, listener.accepted, listener.refused, listener.requests.fresh]);
  record('connmeter.server.connection.duration', 1, listener.attributes);
  for (const name of ['a.test', 'b.test']) {
    record('dns.lookup.duration', next++ / 128, registry.lookupAttributes(name, 'connection'));
    record('dns.lookup.duration', next++ / 128, registry.failedLookupAttributes(name, 'ENOTFOUND'));
  }
}

const linesOf = (readings: readonly Reading[]) =>
  piecesOf(out => new MetricsText({ name: 'connmeter', version: '1' }).write(out, readings, {}))
    .join('')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'));

test('in basic detail, the busiest origin has 25 series with HTTP and 22 without, and a listener 20', () => {
  const outlets = bothOutlets('1');
  busiest(outlets);

  const lines = linesOf(new ShownMetrics('basic').readAll(outlets.registry));

  const of = (port: number) => lines.filter(line => line.includes(`server_port="${port}"`)).length;
  expect([of(80), of(5432), of(8080)]).toEqual([25, 22, 20]);
  expect(lines.filter(line => line.includes('dns_question_name'))).toEqual([]);
  expect(new Set(lines).size).toBe(lines.length);
});

/** The sums of a metric, by address and port. */
function sumsOf({ series }: Reading): Record<string, readonly number[]> {
  const sums: Record<string, number[]> = {};
  for (const each of series) {
    const key = `${each.attributes['server.address']}:${each.attributes['server.port']}`;
    const values = 'buckets' in each ? [each.sum, each.count, ...each.buckets] : [each.value];
    sums[key] = values.map((value, index) => value + (sums[key]?.[index] ?? 0));
  }
  return sums;
}

test('both details have the same sums, for each metric and address', () => {
  const outlets = bothOutlets('1');
  busiest(outlets);
  const full = new ShownMetrics('full').readAll(outlets.registry);

  const basic = new ShownMetrics('basic').readAll(outlets.registry);

  expect(full.length).toBeGreaterThan(basic.length);
  expect(basic.length).toBeGreaterThan(15);
  for (const reading of basic) {
    const same = full.find(({ metric }) => metric === reading.metric);
    expect([reading.metric.name, sumsOf(reading)]).toEqual([reading.metric.name, same && sumsOf(same)]);
  }
});

test('full detail is not touched by basic: its series keep their labels and values', () => {
  const outlets = bothOutlets('1');
  busiest(outlets);
  const before = linesOf(outlets.shown.readAll(outlets.registry));

  linesOf(new ShownMetrics('basic').readAll(outlets.registry));

  expect(linesOf(outlets.shown.readAll(outlets.registry))).toEqual(before);
});

test.each(DETAILS)(
  'in %s detail, a reader of the SDK gets the same from instruments as from the registry',
  async detail => {
    const outlets = bothOutlets('1', detail);
    busiest(outlets);
    fill(outlets, ['c.test', 'd.test']);
    const points = (metrics: readonly sdk.MetricData[]) =>
      metrics
        .flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => {
            const { buckets, sum, count } =
              typeof value === 'number' ? { buckets: undefined, sum: value, count: 1 } : (value as sdk.Histogram);
            return JSON.stringify([descriptor.name, Object.entries(attributes).sort(), buckets, sum, count]);
          }),
        )
        .sort();
    const source = {
      scope: { name: 'connmeter', version: '1' },
      collect: async () => outlets.shown.readAll(outlets.registry),
    };
    const producer = metricProducer({ api, metrics: sdk, resources }, { ...source, temporality: 'cumulative' });

    const { resourceMetrics } = await producer.collect();
    const { scopeMetrics } = await outlets.collect();

    expect(points(scopeMetrics[0]?.metrics ?? [])).toEqual(points(resourceMetrics.scopeMetrics[0]?.metrics ?? []));
  },
);

test('with delta temporality, a sum of series has what is new in all of them', async () => {
  const outlets = bothOutlets('1', 'basic');
  const { registry, shown } = outlets;
  const collect = async () => shown.readAll(registry);
  const scope = { name: 'connmeter', version: '1' };
  const producer = metricProducer({ api, metrics: sdk, resources }, { scope, collect, temporality: 'delta' });
  const reader = new ManualReader({ metricProducers: [producer] });
  new sdk.MeterProvider({ readers: [reader] });
  const others = async () => {
    const { resourceMetrics } = await reader.collect();
    const opened = resourceMetrics.scopeMetrics[0]?.metrics.find(
      ({ descriptor }) => descriptor.name === 'connmeter.connection.opened',
    );
    return opened?.dataPoints
      .filter(({ attributes }) => attributes['connmeter.open.cause'] === '_OTHER')
      .map(({ value }) => value);
  };
  const counts = registry.originCounts({ address: 'a.test', port: 80 }, true);

  counts.opened('release_race', undefined).value = 3;
  expect(await others()).toEqual([3]);

  counts.opened('unknown', undefined).value = 4;
  counts.opened('release_race', undefined).value = 5;
  expect(await others()).toEqual([6]);
  expect(await others()).toEqual([0]);
});

test.each([
  ['connect', 'ECONNREFUSED', 'ECONNREFUSED'],
  ['connect', 'EADDRNOTAVAIL', 'EADDRNOTAVAIL'],
  ['connect', 'UND_ERR_CONNECT_TIMEOUT', 'timeout'],
  ['connect', 'ENETUNREACH', 'timeout'],
  ['connect', 'aborted', 'timeout'],
  ['connect', 'EACCES', '_OTHER'],
  ['tls', 'ETIMEDOUT', undefined],
  ['dns', 'ENOTFOUND', undefined],
])('in basic detail, a failure in the phase %s by %s has the error %s', (phase, error, expected) => {
  const labels = { 'server.address': 'a.test', 'connmeter.phase': phase, 'error.type': error };

  expect(mainErrors(labels)['error.type']).toBe(expected);
});
