import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verdicts } from '../../bench/budgets.ts';
import { report } from '../../bench/report.ts';
import { reportIn, withReport } from '../../bench/report-page.ts';
import type { Results } from '../../bench/results.ts';
import { differences, medianInterval, spreadOf } from '../../bench/statistics.ts';

const ROOT = join(import.meta.dirname, '../..');
const RESULTS = join(ROOT, 'bench/results.json');

const rounds = (warm: number[]) => ({ warm, cold: warm.map(value => value * 2), minor: warm.map(() => 3) });
const six = (value: number) => Array.from({ length: 6 }, (_, round) => value + round);

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
        nobody: { heap: [2000], resident: [20_000] },
        noop: { heap: [2500], resident: [20_000] },
        connmeter: { heap: [4000], resident: [21_000] },
      },
      undici: {
        nobody: { heap: [5000], resident: [20_000] },
        noop: { heap: [5500], resident: [20_000] },
        connmeter: { heap: [7100], resident: [21_000] },
      },
    },
  },
  series: [
    { after: 'a request', series: 40, ofName: 17 },
    { after: 'all', series: 111, ofName: 17 },
  ],
};

test('each budget has a verdict from the figures', () => {
  expect(verdicts(results).map(({ promise, found, met }) => [promise, found, met])).toEqual([
    [
      'a request with undici `request`: not measurably more than subscribers that do nothing',
      '0 µs (95 % confidence: 0 to 0)',
      true,
    ],
    ['a new connection, `node:http`: at most 10 % more CPU time', '+12 µs, 11.7 %', false],
    ['an open connection with `node:http`: at most 2,048 bytes', '+2,000 bytes', true],
    ['an open connection with undici: at most 2,048 bytes', '+2,100 bytes', false],
    ['series of the busiest origin: at most 110', '111', false],
  ]);
});

test.each<[string, number, number | undefined, RegExp]>([
  ['the floor keeps', 102, undefined, /\| \*\*not met\*\* \|/],
  ['the floor breaks', 111, undefined, /\| \*\*not met\*\*: the floor forbids it \|/],
  ['the floor breaks with its histograms', 102, 111, /\| \*\*not met\*\*: the floor forbids it \|/],
])('a budget that is not met says whether %s it', (_which, noop, histograms, words) => {
  const connection = {
    nobody: rounds(six(100)),
    noop: rounds(six(noop)),
    connmeter: rounds(six(112)),
    ...(histograms === undefined ? {} : { histograms: rounds(six(histograms)) }),
  };

  expect(report({ ...results, traffic: { 'new-connection/http': connection } })).toMatch(words);
});

test('no verdict is given with too few rounds', () => {
  const two = (value: number) => rounds([value, value]);
  const traffic = { 'steady/http': { nobody: two(40), again: two(40), noop: two(40), connmeter: two(40) } };

  expect(verdicts({ ...results, traffic })[0]?.met).toBeUndefined();
});

test('a difference in every round is significant', () => {
  const dear = { ...results.traffic['steady/undici'], connmeter: rounds(six(41)) };

  expect(verdicts({ ...results, traffic: { 'steady/undici': dear } })[0]).toMatchObject({
    found: '+0.50 µs (95 % confidence: +0.50 to +0.50)',
    met: false,
  });
});

test('a difference that changes sign between rounds is not significant', () => {
  const mixed = { ...results.traffic['steady/undici'], connmeter: rounds([39, 43, 41, 45, 43, 47]) };

  expect(verdicts({ ...results, traffic: { 'steady/undici': mixed } })[0]).toMatchObject({
    found: '0 µs (95 % confidence: −1.50 to +1.50)',
    met: true,
  });
});

test('the report has tables with one row per workload', () => {
  const lines = report(results).split('\n');

  expect(lines).toContain(
    "|  | baseline | baseline, again | subscribers that do nothing | connmeter | OpenTelemetry's |",
  );
  expect(lines).toContain(
    '| undici `request` | 42.5 (41.3 … 43.8) | +0.25 (+0.25 … +0.25), 0.6 % | +0.50 (+0.50 … +0.50), 1.2 % | +0.50 (+0.50 … +0.50), 1.2 % | +4 (+4 … +4), 9.4 % |',
  );
  expect(lines).toContain('| `node:http` | 2,000 | +500 | +2,000 | 20,000 | 0 | +1,000 |');
  expect(lines).toContain('Run it again: `npm run bench:full -- --only steady`');
  for (const line of lines) expect(line).not.toMatch(/NaN|undefined|Infinity/);
});

test('differences are computed round by round', () => {
  expect(differences([11, 22, 33], [10, 20, 30])).toEqual([1, 2, 3]);
  expect(spreadOf([4, 1, 3, 2, 5])).toEqual({ median: 3, low: 2, high: 4 });
});

test('the confidence interval of the median depends on the number of rounds', () => {
  expect(medianInterval([1, 2, 3, 4, 5])).toBeUndefined();
  expect(medianInterval([6, 5, 4, 3, 2, 1])).toEqual({ from: 1, to: 6 }); // 1 in 64 on each side
  expect(medianInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])).toEqual({ from: 2, to: 9 }); // 11 in 1024
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
