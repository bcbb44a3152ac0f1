import { expect, test, vi } from 'vitest';
import { Lookups } from '../../src/metrics/lookups.ts';
import { MetricRegistry } from '../../src/metrics/registry.ts';

function lookingUp(limit = 10) {
  const record = vi.fn();
  return { record, lookups: new Lookups(new MetricRegistry(limit), record) };
}

test('a lookup is recorded under its name', () => {
  const { record, lookups } = lookingUp();

  lookups.succeeded('A.test', true, 0, 0.25);

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

  lookups.succeeded('a.test', true, 0, 1);
  lookups.succeeded('b.test', true, 0, 1);

  expect(record.mock.calls.map(([, , attributes]) => attributes['dns.question.name'])).toEqual(['a.test', '_OTHER']);
});

test('an excluded lookup is not recorded, and the next one of the name is', () => {
  const { record, lookups } = lookingUp();

  lookups.ignoreNext('a.test');
  lookups.succeeded('b.test', true, 0, 1);
  lookups.succeeded('a.test', true, 0, 2);
  lookups.succeeded('a.test', true, 0, 3);

  expect(record.mock.calls.map(([, seconds]) => seconds)).toEqual([1, 3]);
});

test('a lookup that was given up is recorded with the time until then, and not again when it succeeds', () => {
  const { record, lookups } = lookingUp();

  lookups.abandoned('A.test', 10, 0.5, 'timeout');
  lookups.succeeded('a.test', true, 10.002, 5);

  expect(record.mock.calls).toEqual([
    ['dns.lookup.duration', 0.5, { 'dns.question.name': 'a.test', 'error.type': 'timeout' }],
  ]);
});

test('other lookups of the same name count, before and after it', () => {
  const { record, lookups } = lookingUp();

  lookups.abandoned('a.test', 10, 0.5, 'timeout');
  lookups.succeeded('a.test', true, 9.9, 5.1);
  lookups.succeeded('a.test', true, 10.6, 4.4);
  lookups.succeeded('b.test', true, 10.001, 5);
  lookups.succeeded('a.test', true, 10.001, 5); // the one that was given up
  lookups.succeeded('a.test', true, 10.001, 5);

  expect(record.mock.calls.map(([, seconds]) => seconds)).toEqual([0.5, 5.1, 4.4, 5, 5]);
});

test('a lookup that was given up may have no known name', () => {
  const { record, lookups } = lookingUp();

  lookups.abandoned(undefined, 10, 0.5, 'aborted');
  lookups.succeeded('a.test', true, 10.001, 5); // in the same turn

  expect(record.mock.calls).toEqual([
    ['dns.lookup.duration', 0.5, { 'dns.question.name': 'unknown', 'error.type': 'aborted' }],
  ]);
});

test('of the lookups that were given up, only the latest are remembered', () => {
  const { record, lookups } = lookingUp(1_000);
  for (let i = 0; i < 1_000; i++) lookups.abandoned(`h${i}.test`, i, 0.5, 'timeout');
  record.mockClear();

  lookups.succeeded('h0.test', true, 0, 5);
  lookups.succeeded('h999.test', true, 999, 5);

  expect(record.mock.calls).toEqual([['dns.lookup.duration', 5, { 'dns.question.name': 'h0.test' }]]);
});
