import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CallSite } from '../../src/client/attribution/call-sites.ts';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { originText } from '../../src/core/origins.ts';
import { CLOSE_REASONS } from '../../src/core/reasons.ts';
import { explanationOf, type FindingKind } from '../../src/explain/explanations.ts';
import { findingsOf } from '../../src/explain/findings.ts';
import type { OriginOverview } from '../../src/explain/overview.ts';
import { origin } from './overviews.ts';

const kindsOf = (changes: Partial<OriginOverview>, callSites: readonly CallSite[] = []) =>
  findingsOf({ origins: [origin(changes)], callSites }).map(({ kind, count, of }) => `${kind} ${count} of ${of}`);

test('what wastes connections is a finding, the first connection is none', () => {
  const opened = [
    { cause: 'first', count: 1 },
    { cause: 'new_pool', count: 49 },
  ] as const;

  expect(kindsOf({ opened, requests: { fresh: 50, reused: 0 } })).toEqual(['new_pool 49 of 50']);
});

test.each([
  ['fewer than three connections', { cause: 'new_pool', count: 2 }, { fresh: 3, reused: 0 }],
  ['fewer than a tenth of the requests', { cause: 'new_pool', count: 50 }, { fresh: 50, reused: 451 }],
  ['a harmless cause', { cause: 'release_race', count: 50 }, { fresh: 50, reused: 0 }],
  ['upgrades', { cause: 'replaced', reason: 'upgraded', count: 50 }, { fresh: 50, reused: 0 }],
  [
    'connections for parallel requests that are used again',
    { cause: 'pool_busy', count: 50 },
    { fresh: 50, reused: 50 },
  ],
] as const)('%s: no finding', (_what, opened, requests) => {
  expect(kindsOf({ opened: [opened], requests })).toEqual([]);
});

test('connections for parallel requests that are hardly used again are a finding', () => {
  const opened = [{ cause: 'pool_busy', count: 50 }] as const;

  expect(kindsOf({ opened, requests: { fresh: 50, reused: 24 } })).toEqual(['pool_busy 50 of 50']);
});

test('bodies that are held now count, even if nothing was opened instead', () => {
  const now = { active: 10, idle: 0, opening: 0, held: 10 };
  const opened = [{ cause: 'pool_busy', count: 10 }] as const;

  expect(kindsOf({ now, opened, requests: { fresh: 10, reused: 30 } })).toEqual(['body_held 10 of 10']);
});

test('failures are findings by phase, of all that was tried', () => {
  const failed = [
    { phase: 'connect', errorType: 'ECONNREFUSED', count: 6 },
    { phase: 'connect', errorType: 'ETIMEDOUT', count: 2 },
    { phase: 'tls', errorType: 'X', count: 1 },
  ] as const;
  const opened = [{ cause: 'first', count: 1 }] as const;

  expect(kindsOf({ failed, opened })).toEqual(['failed_connect 8 of 10']);
});

test('the finding that has cost most seconds comes first; others by their number', () => {
  const of = (address: string, count: number, setup: number) =>
    origin({ address, setup, opened: [{ cause: 'new_pool', count }], requests: { fresh: count, reused: 0 } });
  const origins = [of('few.test', 10, 0), of('many.test', 20, 0), of('slow.test', 5, 0.2), of('slower.test', 4, 0.5)];

  expect(findingsOf({ origins, callSites: [] }).map(({ address, seconds }) => [address, seconds])).toEqual([
    ['slower.test', 2],
    ['slow.test', 1],
    ['many.test', 0],
    ['few.test', 0],
  ]);
});

test('the lines of the program are those of the same server and problem, the most frequent first', () => {
  const site = (changes: Partial<CallSite>): CallSite => ({
    problem: 'new_pool',
    address: 'a.test',
    port: 443,
    site: 'a.ts:1',
    count: 1,
    ...changes,
  });
  const callSites = [
    site({ site: 'rare.ts:1' }),
    site({ site: 'often.ts:1', count: 9 }),
    site({ site: 'often.ts:1', count: 2 }),
    site({ site: 'other-port.ts:1', port: 80 }),
    site({ site: 'other-problem.ts:1', problem: 'body_held' }),
  ];
  const origins = [origin({ opened: [{ cause: 'new_pool', count: 9 }], requests: { fresh: 9, reused: 0 } })];

  expect(findingsOf({ origins, callSites })[0]?.sites).toEqual(['often.ts:1', 'rare.ts:1']);
});

test.each([
  ['a.test', 443, 'a.test:443'],
  ['::1', 80, '[::1]:80'],
  ['/run/a.sock', undefined, '/run/a.sock'],
])('the name of %s and port %s is %s', (address, port, name) => {
  expect(originText({ address, port })).toBe(name);
});

const KINDS: readonly FindingKind[] = [
  ...OPEN_CAUSES.filter(cause => cause !== 'replaced'),
  ...CLOSE_REASONS,
  ...(['failed_dns', 'failed_connect', 'failed_tls', 'failed_proxy'] as const),
];

test.each([...new Set(KINDS)])('the explanation of %s is short, and its page exists', kind => {
  const { short, what, fix, link } = explanationOf(kind);

  expect(short.length).toBeLessThanOrEqual(30);
  for (const text of [what, fix]) expect(text).not.toContain('\n');
  const [, file = '', anchor] = /\/blob\/main\/(docs\/[\w/.-]+)(?:#(.*))?$/.exec(link) ?? [];
  const page = readFileSync(join(import.meta.dirname, '../..', file), 'utf8');
  if (anchor !== undefined) expect(page).toContain(`<a id="${anchor}">`);
});
