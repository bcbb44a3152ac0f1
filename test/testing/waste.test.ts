import { describe, expect, test } from 'vitest';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { EXPECTED_FAILURES, type Phase } from '../../src/core/errors.ts';
import { CLOSE_REASONS } from '../../src/core/reasons.ts';
import { explanationOf } from '../../src/explain/explanations.ts';
import type { WatchedOrigin } from '../../src/testing/changes.ts';
import { checkedLimits, type ReuseLimits } from '../../src/testing/limits.ts';
import { wasteOf } from '../../src/testing/waste.ts';

const QUIET: WatchedOrigin = {
  name: 'a.test:80',
  address: 'a.test',
  port: 80,
  opened: [],
  closed: [],
  failed: [],
  requests: { fresh: 0, reused: 0 },
  held: 0,
  callSites: [],
};

function waste(changes: Partial<WatchedOrigin>, limits: ReuseLimits): string {
  return wasteOf([{ ...QUIET, ...changes }], checkedLimits(limits));
}

const TEN_CLIENTS: Partial<WatchedOrigin> = {
  opened: [
    { cause: 'first', reason: undefined, count: 1 },
    { cause: 'new_pool', reason: undefined, count: 9 },
  ],
  requests: { fresh: 10, reused: 0 },
  callSites: [{ kind: 'new_pool', site: 'test/pay.test.ts:12', count: 9 }],
};

test('the message names the server, the cause, the line, the fix and the page', () => {
  const { what, fix, link } = explanationOf('new_pool');

  expect(waste(TEN_CLIENTS, { opened: 1 })).toBe(
    [
      'a.test:80: opened 10 connections for 10 requests, at most 1 was allowed',
      `  9 x new_pool: ${what} (test/pay.test.ts:12). Fix: ${fix}`,
      `  ${link}`,
    ].join('\n'),
  );
});

describe('limits are the highest numbers that are allowed', () => {
  test.each<[string, Partial<WatchedOrigin>, ReuseLimits, string]>([
    ['as many connections as allowed', TEN_CLIENTS, { opened: 10 }, ''],
    ['no limit of connections', TEN_CLIENTS, {}, ''],
    ['one response that nobody read', { held: 1 }, {}, 'a.test:80: left 1 response unread, none was allowed'],
    ['two where one is allowed', { held: 2 }, { held: 1 }, 'a.test:80: left 2 responses unread, at most 1 was allowed'],
    ['as many as allowed', { held: 2 }, { held: 2 }, ''],
    ['a failure without a limit', { failed: [{ phase: 'dns', errorType: 'ENOTFOUND', count: 1 }] }, {}, ''],
    [
      'failures',
      {
        failed: [
          { phase: 'connect', errorType: 'ECONNREFUSED', count: 2 },
          { phase: 'tls', errorType: 'CERT_HAS_EXPIRED', count: 2 },
        ],
      },
      { failed: 3 },
      'a.test:80: 4 connections failed (connect ECONNREFUSED, tls CERT_HAS_EXPIRED), at most 3 were allowed',
    ],
  ])('%s', (_what, changes, limits, first) => {
    expect(waste(changes, limits).split('\n')[0]).toBe(first);
  });
});

test('a first connection is a cause only if there is no other', () => {
  const first = { opened: [{ cause: 'first', reason: undefined, count: 1 }] } as const;

  expect(waste(first, { opened: 0 })).toContain('1 x first');
  expect(waste(TEN_CLIENTS, { opened: 1 })).not.toContain(' x first');
});

test('a connection that replaced a lost one is explained by the reason of the loss', () => {
  const replaced = {
    opened: [{ cause: 'replaced', reason: 'keep_alive_off', count: 2 }],
    callSites: [{ kind: 'keep_alive_off', site: 'a.ts:1', count: 2 }],
  } as const;

  expect(waste(replaced, { opened: 1 })).toContain(
    `2 x keep_alive_off: ${explanationOf('keep_alive_off').what} (a.ts:1). Fix: `,
  );
});

test('a message has at most three causes and three lines for each, and each server has its own part', () => {
  const causes = ['new_pool', 'pool_busy', 'release_race', 'body_held'] as const;
  const many: WatchedOrigin = {
    ...QUIET,
    opened: causes.map((cause, i) => ({ cause, reason: undefined, count: 10 - i })),
    callSites: [1, 2, 3, 4].map(line => ({ kind: 'new_pool', site: `a.ts:${line}`, count: 1 })),
  };

  const text = wasteOf([many, { ...many, name: 'b.test:80' }], checkedLimits({ opened: 1 }));

  expect(text.match(/\d+ x /g)).toHaveLength(6);
  expect(text).toContain('(a.ts:1, a.ts:2, a.ts:3)');
  expect(text.match(/^\S+:80: opened 34/gm)).toHaveLength(2);
});

test('everything can be explained', () => {
  const phases = Object.keys(EXPECTED_FAILURES) as Phase[];
  const kinds = [...OPEN_CAUSES, ...CLOSE_REASONS, ...phases.map(phase => `failed_${phase}` as const)];

  for (const kind of kinds) {
    const { what, fix, link } = explanationOf(kind);
    expect([kind, what, fix]).toEqual([kind, expect.stringMatching(/./), expect.stringMatching(/./)]);
    expect(link).toMatch(/^https:\/\/\S+$/);
  }
});
