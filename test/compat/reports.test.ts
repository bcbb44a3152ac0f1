import { describe, expect, test } from 'vitest';
import { readJestJson, readJunit } from './reports/files.ts';
import { readResults } from './reports/read-results.ts';
import type { Report } from './reports/report.ts';
import { readTap } from './reports/tap.ts';
import { readTicks } from './reports/ticks.ts';

/** One line per test: its result and name. */
function told(report: Report): string[] {
  return [...report].flatMap(([name, { passed, failed, skipped }]) =>
    [['passed', passed] as const, ['failed', failed] as const, ['skipped', skipped] as const]
      .filter(([, times]) => times > 0)
      .map(([ending, times]) => `${ending}${times > 1 ? ` ${times}x` : ''}: ${name}`),
  );
}

describe('TAP', () => {
  test('of node:test has subtests indented before their parent', () => {
    const text = `TAP version 13
# noise
# Subtest: outer
    # Subtest: works
    ok 1 - works
      ---
      duration_ms: 0.6
      error: |-
        not ok 7 - quoted
      ...
    # Subtest: fails
    not ok 2 - fails
      ---
      stack: |-
        x
      ...
    ok 3 - later \\# 1 # SKIP no time
    1..3
not ok 1 - outer
# tests 3
1..1`;

    expect(told(readTap(text)).toSorted()).toEqual([
      'failed: outer',
      'failed: outer › fails',
      'passed: outer › works',
      'skipped: outer › later # 1',
    ]);
  });

  test('of tap has subtests in braces after their parent', () => {
    const text = `TAP version 14
ok 1 - test/a.js # time=12.5ms {
    # Subtest: one
        ok 1 - should be equal
        not ok 2 - should be equal
        1..2
    not ok 1 - one # time=3ms
    1..1
}
ok 2 - test/b.js # SKIP
1..2`;

    expect(told(readTap(text)).toSorted()).toEqual([
      'failed: test/a.js › one',
      'failed: test/a.js › one › should be equal',
      'passed: test/a.js',
      'passed: test/a.js › one › should be equal',
      'skipped: test/b.js',
    ]);
  });

  test('of tape has assertions below the comment that names their test', () => {
    const text = `TAP version 13
# first
ok 1 should be equal
ok 2 should be equal
# second
not ok 3 null
  ---
    operator: error
  ...
1..3`;

    expect(told(readTap(text))).toEqual(['passed 2x: first › should be equal', 'failed: second › null']);
  });

  test('of ava has names after a dash, and comments above them from hooks', () => {
    const text = `TAP version 13
# a › afterEach hook for first
ok 1 - a › first
not ok 2 - b › second
1..2`;

    expect(told(readTap(text))).toEqual(['passed: a › first', 'failed: b › second']);
  });

  test('that ends early is read up to its end', () => {
    expect(told(readTap('TAP version 13\n# Subtest: outer\n    ok 1 - a\n    ok 2 - b'))).toEqual([
      'passed: outer › a',
      'passed: outer › b',
      'failed: outer',
    ]);
  });

  test('of a test that never ended counts it as failed', () => {
    const text = '# Subtest: f.js\n    # Subtest: slow\n        ok 1 - a\n    1..1\nnot ok 1 - f.js # time=9ms\n1..1';

    expect(told(readTap(text)).toSorted()).toEqual(['failed: f.js', 'failed: f.js › slow', 'passed: f.js › slow › a']);
  });
});

describe('ticks and crosses', () => {
  test('of node:test repeat failures at the end, which count once', () => {
    const text = `▶ outer
  ✔ works (0.5ms)
  ✖ fails (1.6ms)
  ﹣ skips (0.1ms) # SKIP
  ✔ later (0.08ms) # TODO
  ▶ inner # x
    ✔ deep (0.1ms)
  ✔ inner # x (0.2ms)
✖ outer (3.6ms)
ℹ tests 7

✖ failing tests:

test at a.mjs:2:50
✖ fails (1.6ms)`;

    expect(told(readTicks(text))).toEqual([
      'passed: outer › works',
      'failed: outer › fails',
      'skipped: outer › skips',
      'skipped: outer › later',
      'passed: outer › inner # x › deep',
      'passed: outer › inner # x',
      'failed: outer',
    ]);
  });

  test('of mocha are read with colours and between the output of tests', () => {
    const text = `
> needle@3.5.0 test
> mocha test


  cookies
some noise
    with default options
      \u001b[32m✔\u001b[0m no header
      1) fails
      - is pending
    ✔ outside (43ms)


  2 passing (25ms)
  1 pending
  1 failing

  1) cookies
       with default options
         fails:
     Error`;

    expect(told(readTicks(text))).toEqual([
      'passed: with default options › no header',
      'failed: with default options › fails',
      'skipped: with default options › is pending',
      'passed: outside',
    ]);
  });

  test('of ava, jest and vitest are read', () => {
    expect(
      told(readTicks('  ✔ got › http to http (1.2s)\n  ✘ [fail]: got › other Error thrown\n  ─\n  ✘ again')),
    ).toEqual(['passed: got › http to http', 'failed: got › other Error thrown']);
    expect(told(readTicks('PASS test/a.test.js\n  suite\n    ✓ one (5 ms)\n    ✕ two\nFAIL test/b.test.js'))).toEqual([
      'passed: test/a.test.js',
      'passed: suite › one',
      'failed: suite › two',
      'failed: test/b.test.js',
    ]);
    expect(told(readTicks(' ✓ test/a.test.ts (5 tests) 20ms\n × test/b.test.ts (3 tests | 1 failed) 12ms'))).toEqual([
      'passed: test/a.test.ts',
      'failed: test/b.test.ts',
    ]);
  });
});

test('JSON reports of jest and vitest are read by file, also if a file fails before its tests', () => {
  const report = {
    testResults: [
      {
        name: '/suite/a.js',
        status: 'failed',
        assertionResults: [
          { ancestorTitles: ['s'], title: 'one', status: 'passed' },
          { ancestorTitles: [], title: 'two', status: 'failed' },
          { ancestorTitles: [], title: 'three', status: 'pending' },
        ],
      },
      { name: '/suite/b.js', status: 'failed', assertionResults: [] },
    ],
  };

  expect(told(readJestJson(JSON.stringify(report), '/suite'))).toEqual([
    'passed: a.js › s › one',
    'failed: a.js › two',
    'skipped: a.js › three',
    'failed: b.js',
  ]);
});

test('JUnit reports of all runners are read', () => {
  const text = `<testsuites><testsuite name="x">
    <testcase name="a &lt;b&gt;" classname="test" time="0.1"/>
    <testcase name="c" classname="Suite"><failure message="no">text</failure></testcase>
    <testcase name="d" file="d.js"><skipped/></testcase>
    <testcase name="e"><error/></testcase></testsuite></testsuites>`;

  expect(told(readJunit(text))).toEqual(['passed: a <b>', 'failed: Suite › c', 'skipped: d.js › d', 'failed: e']);
});

test('names are the same in each run: ports, times and temporary folders are removed', () => {
  const first = readTap('TAP version 13\nok 1 - on 45123 in /tmp/abc-1 # time=5ms');
  const second = readTap('TAP version 13\nok 1 - on 39001 in /tmp/xyz-2 # time=7ms');

  expect([...first.keys()]).toEqual([...second.keys()]);
});

test('unreadable output leaves only the exit code of the command', () => {
  const output = { stdout: '...F..', stderr: '', file: undefined, ok: false };

  expect(readResults(output, '/suite')).toMatchObject({ how: 'the exit code only', tests: 0 });
  expect(told(readResults(output, '/suite').report)).toEqual(['failed: (the command itself)']);
  expect(readResults({ ...output, stdout: 'TAP version 13\nok 1 - a', ok: true }, '/suite')).toMatchObject({
    how: 'TAP',
    tests: 1,
  });
});
