import { expect, test } from 'vitest';
import { count, counted, duration, percent, rate, shortCount } from '../../../src/page/model/format.ts';

test.each([
  [-1, '0 s'],
  [0, '0 s'],
  [1e-9, '1 µs'],
  [0.00035, '350 µs'],
  [0.0015, '1.5 ms'],
  [0.0123, '12 ms'],
  [0.9994, '999 ms'],
  [0.9996, '1 s'],
  [1.54, '1.5 s'],
  [9.96, '10 s'],
  [41.2, '41 s'],
  [119, '119 s'],
  [119.6, '2 min'],
  [3600, '60 min'],
  [7200, '2 h'],
  [172_800, '2 days'],
  [1e9, '11,574 days'],
])('%d s are written as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test.each([
  [0, '0/s'],
  [0.001, '<0.01/s'],
  [0.05, '0.05/s'],
  [0.256, '0.26/s'],
  [4.89, '4.9/s'],
  [9.96, '10/s'],
  [1234.5, '1,235/s'],
])('%d events per second are written as %s', (perSecond, text) => {
  expect(rate(perSecond)).toBe(text);
});

test.each([
  [0, '0 %'],
  [0.0001, '1 %'],
  [0.5, '50 %'],
  [0.9999, '99 %'],
  [1, '100 %'],
])('a share of %d is written as %s', (share, text) => {
  expect(percent(share)).toBe(text);
});

test('numbers have separators, and nouns a plural', () => {
  expect(count(1234567)).toBe('1,234,567');
  expect([999_999, 1_234_567, 987_777_777].map(shortCount)).toEqual(['999,999', '1.23M', '988M']);
  expect([0, 1, 2].map(value => counted(value, 'server'))).toEqual(['0 servers', '1 server', '2 servers']);
  expect(counted(2, 'process', 'processes')).toBe('2 processes');
});
