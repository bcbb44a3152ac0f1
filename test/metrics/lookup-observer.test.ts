import dns from 'node:dns';
import { expect, test } from 'vitest';
import { guardWith } from '../../src/core/guard.ts';
import { observeLookups } from '../../src/metrics/lookup-observer.ts';
import { Lookups } from '../../src/metrics/lookups.ts';
import { MetricRegistry } from '../../src/metrics/registry.ts';

test('all lookups are observed, at once when flushed, and not after stop', async () => {
  const seen: unknown[] = [];
  const lookups = new Lookups(new MetricRegistry(10), (_metric, _seconds, attributes) => seen.push(attributes));
  const watch = observeLookups(
    lookups,
    guardWith((_where, error) => {
      throw error;
    }),
  );

  await dns.promises.lookup('localhost');
  await new Promise<void>(resolve => dns.lookup('localhost', () => resolve()));
  watch.flush();

  expect(seen).toEqual([{ 'dns.question.name': 'localhost' }, { 'dns.question.name': 'localhost' }]);

  await dns.promises.lookup('localhost');
  watch.stop();
  await dns.promises.lookup('localhost');
  await new Promise(setImmediate);

  expect(seen).toHaveLength(3);
});

test('looking up an IP address is not a lookup', async () => {
  const seen: unknown[] = [];
  const lookups = new Lookups(new MetricRegistry(10), (...args) => seen.push(args));
  const watch = observeLookups(
    lookups,
    guardWith(() => {}),
  );

  await dns.promises.lookup('127.0.0.1');
  watch.stop();

  expect(seen).toEqual([]);
});
