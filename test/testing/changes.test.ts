import { expect, test } from 'vitest';
import type { OriginSnapshot } from '../../src/client/snapshot.ts';
import { changesBetween, type LineEvent } from '../../src/testing/changes.ts';

const NOTHING: OriginSnapshot = {
  address: 'a.test',
  port: 80,
  http: true,
  opened: [],
  closed: [],
  failed: [],
  requests: { fresh: 0, reused: 0 },
  callers: [],
  goaways: [],
  wasted: 0,
  saturated: 0,
};

function origin(changes: Partial<OriginSnapshot>): OriginSnapshot {
  return { ...NOTHING, ...changes };
}

function opened(cause: OriginSnapshot['opened'][number]['cause'], count: number) {
  return { cause, reason: undefined, count };
}

test('what was there before does not count', () => {
  const before = [origin({ opened: [opened('first', 1), opened('pool_busy', 2)], requests: { fresh: 3, reused: 4 } })];
  const after = [origin({ opened: [opened('first', 1), opened('pool_busy', 5)], requests: { fresh: 6, reused: 9 } })];

  expect(changesBetween(before, after, [])).toEqual([
    {
      name: 'a.test:80',
      address: 'a.test',
      port: 80,
      opened: [opened('pool_busy', 3)],
      closed: [],
      failed: [],
      requests: { fresh: 3, reused: 5 },
      held: 0,
      callSites: [],
    },
  ]);
});

test('a server to which nothing happened is not listed', () => {
  const idle = origin({ opened: [opened('first', 1)] });

  expect(
    changesBetween([idle], [idle, origin({ address: 'b.test', requests: { fresh: 0, reused: 1 } })], []),
  ).toMatchObject([{ name: 'b.test:80' }]);
});

test('connections with and without HTTP to one server are added up', () => {
  const after = [
    origin({ http: true, opened: [opened('first', 1)], closed: [{ reason: 'error', count: 1 }] }),
    origin({
      http: false,
      opened: [opened('first', 1), { cause: 'replaced', reason: 'peer_closed', count: 2 }],
      failed: [{ phase: 'connect', errorType: 'ECONNREFUSED', count: 1 }],
    }),
  ];

  expect(changesBetween([], after, [])).toMatchObject([
    {
      opened: [opened('first', 2), { cause: 'replaced', reason: 'peer_closed', count: 2 }],
      closed: [{ reason: 'error', count: 1 }],
      failed: [{ phase: 'connect', errorType: 'ECONNREFUSED', count: 1 }],
    },
  ]);
});

test('lines are counted by what they did, the most frequent first; a line that is not known is left out', () => {
  const event = (kind: LineEvent['kind'], site: string | undefined): LineEvent => ({
    address: 'A.test',
    port: 80,
    kind,
    site,
  });
  const events = [
    event('new_pool', 'a.ts:1'),
    event('held', 'b.ts:2'),
    event('new_pool', 'c.ts:3'),
    event('new_pool', 'c.ts:3'),
    event('held', undefined),
  ];

  expect(changesBetween([], [origin({ opened: [opened('new_pool', 3)] })], events)).toMatchObject([
    {
      held: 2,
      callSites: [
        { kind: 'new_pool', site: 'c.ts:3', count: 2 },
        { kind: 'new_pool', site: 'a.ts:1', count: 1 },
        { kind: 'held', site: 'b.ts:2', count: 1 },
      ],
    },
  ]);
});

test('a response that is held counts also at a server without other changes', () => {
  const held: LineEvent = { address: '/tmp/Socket', port: undefined, kind: 'held', site: 'a.ts:1' };

  expect(changesBetween([], [], [held])).toMatchObject([{ name: '/tmp/Socket', address: '/tmp/Socket', held: 1 }]);
});
