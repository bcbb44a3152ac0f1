import { expect, test } from 'vitest';
import type { Report } from './reports/report.ts';
import { isOpen, judge } from './verdicts.ts';
import { warningsOnlyWith } from './warnings.ts';

/** One letter per run: `+` passed, `-` failed, `o` skipped, ` ` missing. */
function runs(letters: string): Report[] {
  return [...letters].map(letter => {
    if (letter === ' ') return new Map();
    return new Map([['t', { passed: +(letter === '+'), failed: +(letter === '-'), skipped: +(letter === 'o') }]]);
  });
}

test.each([
  // without, with, blank: verdict
  ['+', '+', '', 'passed'],
  ['+++', '+++', '', 'passed'],
  ['-', '-', '', 'failed'],
  ['o', 'o', '', 'skipped'],
  ['+++', '---', '++', 'broken'],
  ['+++', '   ', '++', 'broken'],
  ['+++', 'ooo', '++', 'broken'],
  ['+++', '---', '--', 'any_preload'],
  ['---', '+++', '', 'cured'],
  ['+++', '+--', '++', 'suspect'],
  ['+++', '+--', '+-', 'flaky'],
  ['++++', '+++-', '', 'flaky'],
  ['+-+', '-+-', '', 'flaky'],
  ['+-+', '---', '', 'flaky'],
])('%s without connmeter and %s with it (and %s with something else): %s', (plain, measured, blank, verdict) => {
  expect(judge(runs(plain), runs(measured), runs(blank))).toMatchObject([{ name: 't', verdict }]);
});

test('names that occur twice are compared by their number of passes', () => {
  const twice = (passed: number, failed: number) => new Map([['t', { passed, failed, skipped: 0 }]]);

  expect(judge([twice(2, 0)], [twice(2, 0)], [])).toMatchObject([{ verdict: 'passed' }]);
  expect(judge([twice(2, 0)], [twice(1, 1)], [])).toMatchObject([{ verdict: 'broken' }]);
  expect(judge([twice(2, 0)], [twice(1, 0)], [])).toMatchObject([{ verdict: 'broken' }]);
});

test('more runs are made while they could change the verdict', () => {
  const wanted = (plain: string, measured: string) =>
    judge(runs(plain), runs(measured), []).some(judged => isOpen(judged, plain.length));

  expect(wanted('+', '+')).toBe(false);
  expect(wanted('-', '-')).toBe(false);
  expect(wanted('+', '-')).toBe(true);
  expect(wanted('+++', '---')).toBe(false);
  expect(wanted('+++', '++-')).toBe(true);
  expect(wanted('+-+', '++-')).toBe(false);
});

test('a warning is attributed to connmeter if every run with it has the warning and no run without it', () => {
  const leak = '(node:123) MaxListenersExceededWarning: 11 close listeners\n';
  const old = '(node:77) [DEP0040] DeprecationWarning: punycode\n';

  expect(warningsOnlyWith([old], [old + leak, leak.replace('123', '456')])).toEqual([
    '(node) MaxListenersExceededWarning: 11 close listeners',
  ]);
  expect(warningsOnlyWith([old], [old + leak, old])).toEqual([]);
  expect(warningsOnlyWith([leak], [leak])).toEqual([]);
});

test('a leak warning that differs only in its number of listeners is not attributed to connmeter; a new kind is', () => {
  const leak = (event: string, count: number) =>
    `(node:1) MaxListenersExceededWarning: Possible EventEmitter memory leak detected. ${count} ${event} listeners added to [Socket]. MaxListeners is ${count - 1}. Use emitter.setMaxListeners() to increase limit\n`;

  expect(warningsOnlyWith([leak('error', 11)], [leak('error', 12)])).toEqual([]);
  expect(warningsOnlyWith([leak('error', 11)], [leak('error', 12) + leak('close', 12)])).toHaveLength(1);
});
