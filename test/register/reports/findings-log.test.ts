import { expect, test } from 'vitest';
import type { Finding } from '../../../src/explain/overview.ts';
import { FindingsLog } from '../../../src/register/reports/findings-log.ts';

const finding = (changes: Partial<Finding> = {}): Finding => ({
  kind: 'new_pool',
  address: 'a.test',
  port: 443,
  count: 9,
  of: 10,
  seconds: 1,
  sites: ['src/pay.ts:42'],
  what: '9 of 10 connections to a.test:443 come from a client of their own.',
  fix: 'share it',
  link: 'https://example.com/new_pool',
  ...changes,
});

const LINE =
  'connmeter: 9 of 10 connections to a.test:443 come from a client of their own. At src/pay.ts:42. Fix: share it. https://example.com/new_pool';

test('text: one line per finding and line of the program, once', () => {
  const log = new FindingsLog('text', '');

  expect(log.lines([finding()], 0)).toEqual([LINE]);
  expect(
    log.lines([finding({ count: 20 }), finding({ sites: ['b.ts:1'] }), finding({ port: 80, sites: [] })], 1),
  ).toEqual([LINE.replace('src/pay.ts:42', 'b.ts:1'), LINE.replace(' At src/pay.ts:42.', '')]);
  expect(log.isOver).toBe(false);
});

test('at most ten in an hour', () => {
  const log = new FindingsLog('text', '');
  const many = Array.from({ length: 25 }, (_, index) => finding({ port: index }));

  expect(log.lines(many, 0)).toHaveLength(10);
  expect(log.lines(many, 3_599_999)).toHaveLength(0);
  expect(log.lines(many, 3_600_000)).toHaveLength(10);
  expect(log.lines(many, 7_200_000)).toHaveLength(5);
});

test('json: the finding as it is, one line each', () => {
  const [line = ''] = new FindingsLog('json', '').lines([finding({ sites: ['a\nb.ts:1'] })], 0);

  expect(line).not.toContain('\n');
  expect(JSON.parse(line)).toEqual({ connmeter: finding({ sites: ['a\nb.ts:1'] }) });
});

test('once: one line, which says where to look', () => {
  const log = new FindingsLog('once', 'See http://localhost:9464/');

  expect(log.lines([], 0)).toEqual([]);
  expect(log.lines([finding(), finding({ port: 80 })], 1)).toEqual([
    'connmeter: 9 of 10 connections to a.test:443 come from a client of their own. See http://localhost:9464/',
  ]);
  expect(log.isOver).toBe(true);
  expect(log.lines([finding({ port: 81 })], 9e9)).toEqual([]);
});

test('none: nothing', () => {
  expect(new FindingsLog('none', '').lines([finding()], 0)).toEqual([]);
});

test('a hostile name cannot control a terminal', () => {
  const [line] = new FindingsLog('text', '').lines([finding({ what: 'to \x1b[2J\r\nevil' })], 0);

  expect(line).toMatch(/^[^\p{Cc}]*$/u);
});
