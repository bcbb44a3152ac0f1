import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verdicts } from '../../bench/budgets.ts';
import { report } from '../../bench/report.ts';
import { reportIn, withReport } from '../../bench/report-page.ts';
import type { Results } from '../../bench/results.ts';
import { differences, type Rounds, spreadOf, upperBound } from '../../bench/statistics.ts';

const ROOT = join(import.meta.dirname, '../..');
const RESULTS = join(ROOT, 'bench/results.json');

const rounds = (warm: Rounds) => ({ warm, young: warm.map(turns => turns.map(value => value * 2)) });
const six = (value: number): Rounds => Array.from({ length: 6 }, (_, round) => [value + round, value + round]);

const results: Results = {
  machine: { node: '26.0.0', platform: 'linux x64', cores: 2 },
  full: false,
  traffic: {
    'steady/undici': {
      nobody: rounds(six(40)),
      again: rounds(six(40.25)),
      noop: rounds(six(40.5)),
      connmeter: rounds(six(40.5)),
      undici: rounds(six(44)),
    },
    'new-connection/http': {
      nobody: rounds(six(100)),
      again: rounds(six(100)),
      noop: rounds(six(102)),
      connmeter: rounds(six(112)),
    },
  },
  openConnections: {
    connections: 100,
    clients: {
      http: {
        nobody: { heap: six(2000), heapBefore: six(2 * 2000), resident: [[20_000]] },
        noop: { heap: six(2500), heapBefore: six(2 * 2500), resident: [[20_000]] },
        connmeter: { heap: six(4000), heapBefore: six(2 * 4000), resident: [[21_000]] },
      },
      undici: {
        nobody: { heap: six(5000), heapBefore: six(2 * 5000), resident: [[20_000]] },
        noop: { heap: six(5500), heapBefore: six(2 * 5500), resident: [[20_000]] },
        connmeter: { heap: six(7100), heapBefore: six(2 * 7100), resident: [[21_000]] },
      },
    },
  },
  connectionAllocation: {
    undici: { nobody: { allocated: 100 }, noop: { allocated: 800 }, connmeter: { allocated: 3_000 } },
  } as never,
  series: [
    { after: 'a request', series: 40, ofName: 17 },
    { after: 'all', series: 111, ofName: 17 },
  ],
};

test('each budget has a verdict from the figures, by the bound that they are below with 95 % confidence', () => {
  expect(verdicts(results).map(({ promise, found, most, met }) => [promise, found, most, met])).toEqual([
    [
      'a request with undici `request`: at most 2 % more than subscribers that do nothing',
      '0 µs, 0 %',
      '0 µs, 0 %',
      true,
    ],
    ['a new connection, `node:http`: at most 10 % more CPU time', '+12 µs, 11.7 %', '+12 µs, 11.7 %', false],
    [
      'a new connection, `node:http`, among the first 3,000 of a process: at most 12 % more CPU time',
      '+24 µs, 11.7 %',
      '+24 µs, 11.7 %',
      true,
    ],
    ['a new connection, undici, in process: at most 3,000 bytes allocated', '+2,900 bytes', '', true],
    ['an open connection with `node:http`: at most 2,048 bytes', '+2,000 bytes', '+2,000 bytes', true],
    [
      'an open connection with `node:http`, before a garbage collection: at most 2,048 bytes',
      '+4,000 bytes',
      '+4,000 bytes',
      false,
    ],
    ['an open connection with undici: at most 2,048 bytes', '+2,100 bytes', '+2,100 bytes', false],
    [
      'an open connection with undici, before a garbage collection: at most 2,048 bytes',
      '+4,200 bytes',
      '+4,200 bytes',
      false,
    ],
    ['series of the busiest origin: at most 110', '111', '', false],
  ]);
});

test('no verdict is given with too few rounds', () => {
  const two = (value: number) => rounds([[value], [value]]);
  const traffic = { 'steady/http': { nobody: two(40), again: two(40), noop: two(40), connmeter: two(40) } };

  expect(verdicts({ ...results, traffic })[0]).toMatchObject({ most: '', met: undefined });
  expect(report({ ...results, traffic })).not.toContain('NaN');
});

test.each<[string, number[], boolean]>([
  ['small in every round', [40.5, 41.5, 42.5, 43.5, 44.5, 46.3], true],
  ['large in one of six', [40.5, 41.5, 42.5, 43.5, 44.5, 46.5], false],
])('a difference that is %s', (_what, warm, met) => {
  const dear = { ...results.traffic['steady/undici'], connmeter: rounds(warm.map(value => [value])) };

  expect(verdicts({ ...results, traffic: { 'steady/undici': dear } })[0]?.met).toBe(met);
});

test('the report has tables with one row per workload', () => {
  const lines = report(results).split('\n');

  expect(lines).toContain(
    "|  | baseline | baseline, again | subscribers that do nothing | connmeter | OpenTelemetry's |",
  );
  expect(lines).toContain(
    '| undici `request` | 42.5 (41.3 … 43.8) | +0.25 (+0.25 … +0.25), 0.6 % | +0.50 (+0.50 … +0.50), 1.2 % | +0.50 (+0.50 … +0.50), 1.2 % | +4 (+4 … +4), 9.4 % |',
  );
  expect(lines).toContain('| `node:http` | 2,003 | +500 | +2,000 | 4,003 | +1,000 | +4,000 | 20,000 | 0 | +1,000 |');
  expect(lines).toContain('Run it again: `npm run bench:full -- --only steady`');
  for (const line of lines) expect(line).not.toMatch(/NaN|undefined|Infinity/);
});

test('differences are computed turn by turn: what slows down the machine for some turns is in both variants', () => {
  const nobody = [
    [10, 10, 20, 20, 20],
    [10, 20, 10, 10, 10],
  ];
  const ours = [
    [11, 11, 22, 22, 22],
    [11, 22, 11, 11, 11],
  ];

  expect(differences(ours, nobody)).toEqual([2, 1]);
  expect(spreadOf([4, 1, 3, 2, 5])).toEqual({ median: 3, low: 2, high: 4 });
});

test('the bound of a median depends on the number of values', () => {
  expect(upperBound([1, 2, 3, 4])).toBeUndefined();
  expect(upperBound([5, 4, 3, 2, 1])).toBe(5); // 1 in 32
  expect(upperBound([1, 2, 3, 4, 5, 6, 7, 8])).toBe(7); // 9 in 256
  expect(upperBound([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])).toBe(10); // 79 in 4096
});

test('the report is written between the two markers, and the rest of the page is unchanged', () => {
  const page = readFileSync(join(ROOT, 'docs/performance.md'), 'utf8');

  const written = withReport(page, 'figures\n');

  expect(reportIn(written)).toBe('figures\n');
  expect(withReport(written, reportIn(page))).toBe(withReport(page, reportIn(page)));
  expect(written.split('## The figures')[0]).toBe(page.split('## The figures')[0]);
  expect(() => withReport('a page', 'figures')).toThrow('no place');
});

test('the page shows the committed results', () => {
  const page = readFileSync(join(ROOT, 'docs/performance.md'), 'utf8');
  const committed = existsSync(RESULTS) ? report(JSON.parse(readFileSync(RESULTS, 'utf8')) as Results) : 'None yet.\n';

  expect(reportIn(page)).toBe(committed);
});
