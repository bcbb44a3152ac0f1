import { expect, test, vi } from 'vitest';
import { Lookups } from '../../src/metrics/lookups.ts';
import { MetricRegistry } from '../../src/metrics/registry.ts';

function lookingUp(limit = 10) {
  const record = vi.fn();
  return { record, lookups: new Lookups(new MetricRegistry(limit), record) };
}

test('a lookup is recorded under its name', () => {
  const { record, lookups } = lookingUp();

  lookups.succeeded('A.test', true, 0.25);

  expect(record.mock.calls).toEqual([['dns.lookup.duration', 0.25, { 'dns.question.name': 'a.test' }]]);
});

test('a failed lookup is recorded with its error, once per error', () => {
  const { record, lookups } = lookingUp();
  const error = Object.assign(new Error(), { code: 'EAI_AGAIN', syscall: 'getaddrinfo' });

  lookups.failed('a.test', 5, error);
  lookups.failed('a.test', 5, error);
  lookups.failed('a.test', 5, new Error('kept by a cache'));

  expect(record.mock.calls).toEqual([
    ['dns.lookup.duration', 5, { 'dns.question.name': 'a.test', 'error.type': 'EAI_AGAIN' }],
  ]);
});

test('names past the limit share one label', () => {
  const { record, lookups } = lookingUp(1);

  lookups.succeeded('a.test', true, 1);
  lookups.succeeded('b.test', true, 1);

  expect(record.mock.calls.map(([, , attributes]) => attributes['dns.question.name'])).toEqual(['a.test', '_OTHER']);
});

test('an excluded lookup is not recorded, and the next one of the name is', () => {
  const { record, lookups } = lookingUp();

  lookups.ignoreNext('a.test');
  lookups.succeeded('b.test', true, 1);
  lookups.succeeded('a.test', true, 2);
  lookups.succeeded('a.test', true, 3);

  expect(record.mock.calls.map(([, seconds]) => seconds)).toEqual([1, 3]);
});
