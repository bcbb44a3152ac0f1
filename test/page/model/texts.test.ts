import { expect, test } from 'vitest';
import { OPEN_CAUSES } from '../../../src/core/causes.ts';
import { CLOSE_REASONS } from '../../../src/core/reasons.ts';
import { eventCell, failureCell, phaseCell, poolCell, requestsCell, reuseCell } from '../../../src/page/model/cells.ts';
import { adviceSentence, costOf, notShown, scopeOf, shownOf, webLink } from '../../../src/page/model/sentences.ts';
import { causeWords, kindWords, reasonWords } from '../../../src/page/model/words.ts';
import { finding, origin } from '../fixtures.ts';

test('causes, reasons and kinds of findings are words, and values of a later version are shown as they are', () => {
  for (const cause of OPEN_CAUSES) expect(causeWords(cause)).not.toMatch(/_/);
  for (const reason of CLOSE_REASONS) expect(reasonWords(reason)).not.toMatch(/_/);
  for (const kind of [...OPEN_CAUSES, ...CLOSE_REASONS]) expect(kindWords(kind)).not.toMatch(/_/);
  expect(['dns', 'connect', 'tls', 'proxy'].map(phase => kindWords(`failed_${phase}`))).toEqual([
    'DNS lookup fails',
    'cannot connect',
    'TLS handshake fails',
    'proxy refuses the tunnel',
  ]);
  expect([causeWords('later'), reasonWords('constructor'), kindWords('failed_later')]).toEqual([
    'later',
    'constructor',
    'failed_later',
  ]);
});

test('events are totals until there is a rate', () => {
  expect([eventCell(1204, undefined, 0), eventCell(1204, 5, 2), eventCell(1204, 0, 2)]).toEqual([
    '1,204 total',
    '2.5/s',
    '0/s',
  ]);
});

test('reuse is that of the last seconds, and nothing without requests', () => {
  const of = origin({ requests: { fresh: 1, reused: 3 } });
  const recent = { opened: 0, failed: 0, fresh: 1, reused: 1, seconds: 2 };

  expect(reuseCell(of, undefined)).toBe('75 %');
  expect(reuseCell(of, recent)).toBe('50 %');
  expect(reuseCell(of, { ...recent, fresh: 0, reused: 0 })).toBe('–');
  expect(reuseCell({ ...of, http: false }, undefined)).toBe('–');
});

test('failures are shown with the most frequent error', () => {
  const failed = [
    { phase: 'dns' as const, errorType: 'ENOTFOUND', count: 2 },
    { phase: 'connect' as const, errorType: 'ECONN\u202eREFUSED', count: 1200 },
    { phase: 'tls' as const, errorType: 'CERT_HAS_EXPIRED', count: 1 },
  ];

  expect(failureCell(origin({ failed }))).toBe('1,203: connect ECONN\ufffdREFUSED');
  expect(failureCell(origin())).toBe('0');
});

test('what a connection does not have is a dash', () => {
  expect([phaseCell(undefined), phaseCell(0.004), poolCell({ pool: undefined }), poolCell({ pool: 3 })]).toEqual([
    '–',
    '4 ms',
    '–',
    '#3',
  ]);
  expect([requestsCell({ requests: 1200 }), requestsCell({ requests: 7, mostStreams: 5 })]).toEqual([
    '1,200',
    '7, 5 at once',
  ]);
});

test('the cost of a finding', () => {
  expect(costOf(finding())).toBe('1,204 of 1,300 connections, 41 s lost');
  expect(costOf(finding({ kind: 'failed_dns', count: 1, of: 1, seconds: 0 }))).toBe('1 of 1 attempt');
});

test('advice says who closes first', () => {
  const common = { address: 'a.test', port: 80, seconds: 5, code: 'x' };

  expect(adviceSentence({ ...common, kind: 'client_idle_timeout', observations: 40 })).toBe(
    'a.test:80 closes idle connections after 5 s, before this client does (seen 40 times). Close them earlier here:',
  );
  expect(adviceSentence({ ...common, kind: 'server_keep_alive', observations: 1 })).toBe(
    'The server of this process at a.test:80 closes idle connections of its proxy after 5 s, before the proxy does (seen once). Keep them longer:',
  );
});

test('how many are shown, and from where', () => {
  expect([shownOf(1, 1, 'origin'), shownOf(200, 1000, 'origin')]).toEqual(['1 origin', '200 of 1,000 origins']);
  expect([notShown(1, 'origin'), notShown(800, 'origin')]).toEqual([
    '1 more origin is not shown. Filter by origin to find it.',
    '800 more origins are not shown. Filter by origin to find them.',
  ]);
  expect([scopeOf({ processes: 1, threads: 1 }), scopeOf({ processes: 3, threads: 8 })]).toEqual([
    '1 process',
    '3 processes, 8 threads',
  ]);
});

test.each([
  ['https://connmeter.test/a#b', 'https://connmeter.test/a#b'],
  ['http://localhost/', 'http://localhost/'],
  ['javascript:alert(1)', undefined],
  ['data:text/html,x', undefined],
  ['docs/causes.md', undefined],
])('the link %s is followed as %s', (link, href) => {
  expect(webLink(link)).toBe(href);
});
