import { describe, expect, test } from 'vitest';
import { MIN_UNUSED } from '../../src/metrics/bounded-index.ts';
import { MetricRegistry } from '../../src/metrics/registry.ts';
import { readAll } from '../../src/metrics/table.ts';

const origin = { address: 'a.test', port: 80 };

test('an origin has one set of counts, whatever the case of its name', () => {
  const registry = new MetricRegistry(10);

  expect(registry.originCounts({ address: 'A.Test', port: 80 }, true)).toBe(registry.originCounts(origin, true));
  expect(registry.originCounts({ address: '/run/A', port: undefined }, false)).not.toBe(
    registry.originCounts({ address: '/run/a', port: undefined }, false),
  );
});

test('an origin with HTTP and the same without HTTP have separate counts', () => {
  const registry = new MetricRegistry(10);

  expect(registry.originCounts(origin, true).attributes).toEqual({
    'server.address': 'a.test',
    'server.port': 80,
    'network.protocol.name': 'http',
  });
  expect(registry.originCounts(origin, false).attributes).toEqual({ 'server.address': 'a.test', 'server.port': 80 });
});

test('origins beyond the limit share one set of counts', () => {
  const registry = new MetricRegistry(2);
  const tallies = Array.from({ length: 1_000 }, (_, i) =>
    registry.originCounts({ address: `h${i}.test`, port: i }, true),
  );

  expect(registry.allOriginCounts).toHaveLength(3);
  expect(new Set(tallies.slice(2)).size).toBe(1);
  expect(tallies[999]?.attributes).toEqual({ 'server.address': '_OTHER', 'network.protocol.name': 'http' });
  expect(registry.originCounts({ address: 'h0.test', port: 0 }, true)).toBe(tallies[0]);
});

test('series are initialised to zero: every outcome of a family, and the common failures of a phase', () => {
  const tally = new MetricRegistry(10).originCounts(origin, true);

  tally.attempt('ipv4', 'ok').value++;
  tally.initialiseFailures('connect');

  expect(tally.attempts.map(({ value }) => value)).toEqual([1, 0, 0]);
  expect(tally.failures.map(({ attributes, value }) => [attributes['error.type'], value])).toEqual([
    ['ECONNREFUSED', 0],
    ['ETIMEDOUT', 0],
    ['EADDRNOTAVAIL', 0],
  ]);
});

test('failure types are bounded: later ones become _OTHER, and none is lost', () => {
  const tally = new MetricRegistry(10).originCounts(origin, true);

  for (let i = 0; i < 100; i++) tally.failure('connect', `E${i}`).value++;

  expect(tally.failures).toHaveLength(13);
  expect(tally.failures.reduce((sum, { value }) => sum + value, 0)).toBe(100);
  expect(tally.failure('connect', '_OTHER').value).toBe(88);
});

test('failed lookups are bounded by name and by type, and later ones keep the known label', () => {
  const registry = new MetricRegistry(2);
  const labelsOf = (name: string, errorType: string) => Object.values(registry.failedLookupAttributes(name, errorType));

  expect(labelsOf('a', 'E1')).toEqual(['a', 'E1']);
  expect(labelsOf('a', 'E2')).toEqual(['a', 'E2']);
  expect(labelsOf('b', 'E1')).toEqual(['_OTHER', 'E1']);
  expect(labelsOf('a', 'E1')).toEqual(['a', 'E1']);
  const kinds = new Set(Array.from({ length: 100 }, (_, i) => labelsOf('c', `E${i}`)[1]));
  expect([kinds.size, kinds.has('_OTHER')]).toEqual([13, true]);
});

test('connections that are being opened are counted by address and phase, and create no origin', () => {
  const registry = new MetricRegistry(2);

  for (const address of ['a.test', 'A.test', 'b.test', 'c.test', 'd.test']) {
    registry.pendingTo({ address, port: 443 }).in('tls').value++;
  }

  expect(registry.allPending.flatMap(({ all }) => all)).toEqual([
    { attributes: { 'server.address': 'a.test', 'server.port': 443, 'connmeter.phase': 'tls' }, value: 2 },
    { attributes: { 'server.address': 'b.test', 'server.port': 443, 'connmeter.phase': 'tls' }, value: 1 },
    { attributes: { 'server.address': '_OTHER', 'connmeter.phase': 'tls' }, value: 2 },
  ]);
  expect(registry.allOriginCounts).toEqual([]);

  registry.resetPending();

  expect(registry.allPending.flatMap(({ all }) => all.map(({ value }) => value))).toEqual([0, 0, 0]);
});

test.each([
  [0, 0, 0],
  [4, 4, 4], // connections that wait for lookups in the thread pool
  [1, 5, 5], // the program makes lookups itself, or clients gave up
  [5, 1, 5], // a `lookup` function of the program
])('with %i connections that wait and %i lookups in the thread pool, %i are pending', (awaited, inPool, pending) => {
  const registry = new MetricRegistry(2);

  Object.assign(registry, { lookupsAwaited: awaited, lookupsInThreadPool: inPool });

  expect(registry.lookupsPending).toEqual({ attributes: {}, value: pending });
});

describe('an origin that has been unused for long', () => {
  const at = (address: string) => ({ address, port: 80 });

  function full() {
    const registry = new MetricRegistry(2);
    registry.evictUnused(true);
    const [old, used] = [registry.originCounts(at('old.test'), true), registry.originCounts(at('used.test'), true)];
    used.isInUse = true;
    registry.histograms.record('connmeter.connect.duration', 1, old.attributes);
    registry.histograms.record('connmeter.tls.handshake.duration', 1, old.handshake({ version: '1.3', resumed: true }));
    registry.histograms.record('http.client.connection.duration', 1, old.inUse('1.1').requests.attributes);
    registry.pendingTo(at('old.test')).in('dns');
    return { registry, old, used };
  }
  const addressesOf = (registry: MetricRegistry) =>
    new Set(readAll(registry).flatMap(({ series }) => series.map(({ attributes }) => attributes['server.address'])));

  test('gives its place to a new one, and all its series end', () => {
    const { registry } = full();
    registry.collected(0);
    registry.collected(MIN_UNUSED);

    expect(registry.originCounts(at('new.test'), true).attributes).toMatchObject({ 'server.address': 'new.test' });
    registry.pendingTo(at('new.test'));
    registry.pendingTo(at('newer.test')).in('dns');
    expect(addressesOf(registry)).toEqual(new Set(['used.test', 'new.test', 'newer.test', undefined]));
  });

  test('keeps it as long as nobody needs it, and then the one that was used last', () => {
    const { registry, used, old } = full();
    registry.collected(0);
    used.isInUse = false;
    registry.collected(1);
    registry.collected(MIN_UNUSED + 1);

    expect(registry.allOriginCounts).toEqual([old, used]);
    registry.originCounts(at('new.test'), true);
    expect(registry.allOriginCounts).not.toContain(old);
    expect(registry.allOriginCounts).toContain(used);
  });

  test.each<[string, (registry: MetricRegistry) => void]>([
    ['before that', registry => registry.collected(MIN_UNUSED - 1)],
    ['if it was asked for since', registry => void registry.originCounts(at('old.test'), true)],
    ['under a MeterProvider of the program', registry => registry.evictUnused(false)],
  ])('not %s', (_when, happens) => {
    const { registry, old } = full();
    registry.collected(0);
    happens(registry);
    if (_when !== 'before that') registry.collected(MIN_UNUSED);

    expect(registry.originCounts(at('new.test'), true).attributes).toMatchObject({ 'server.address': '_OTHER' });
    expect(registry.allOriginCounts).toContain(old);
  });
});
