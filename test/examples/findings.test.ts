import { expect, test } from 'vitest';
import { findingsOf } from '../../examples/demo/findings.ts';
import type { CallSite, CloseReason, OpenCause, OriginSnapshot } from '../../src/index.ts';

function origin(opened: [OpenCause, number, CloseReason?][], { reused = 0, http = true } = {}): OriginSnapshot {
  return {
    address: '127.0.0.3',
    port: 8081,
    http,
    opened: opened.map(([cause, count, reason]) => ({ cause, reason, count })),
    closed: [],
    failed: [],
    requests: { fresh: opened.reduce((sum, [, count]) => sum + count, 0), reused },
    callers: [],
    goaways: [],
    wasted: 0,
    saturated: 0,
  };
}

const site: CallSite = { problem: 'new_pool', address: '127.0.0.3', port: 8081, site: 'src/pay.ts:42', count: 3 };

test('a finding has the most frequent cause, and the line of code', () => {
  const origins = [
    origin([
      ['first', 1],
      ['new_pool', 49],
    ]),
  ];

  expect(findingsOf({ origins, callSites: [site] })).toEqual([
    '49 of 50 to 127.0.0.3:8081: a client per request: share one (src/pay.ts:42)',
  ]);
});

test('for replaced connections, a finding has the close reason', () => {
  const origins = [
    origin([
      ['first', 1],
      ['replaced', 20, 'keep_alive_off'],
      ['replaced', 2, 'error'],
    ]),
  ];

  expect(findingsOf({ origins, callSites: [{ ...site, port: 1 }] })).toEqual([
    '20 of 23 to 127.0.0.3:8081: keep-alive is off: turn it on',
  ]);
});

test.each([
  [
    'too few connections',
    origin([
      ['first', 1],
      ['new_pool', 8],
    ]),
  ],
  ['more requests reused than connections opened', origin([['pool_busy', 20]], { reused: 21 })],
  ['connections without HTTP', origin([['replaced', 20, 'error']], { http: false })],
  ['none opened', origin([])],
])('no finding: %s', (_what, one) => {
  expect(findingsOf({ origins: [one], callSites: [site] })).toEqual([]);
});
