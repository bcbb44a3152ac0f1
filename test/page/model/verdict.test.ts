import { expect, test } from 'vitest';
import { verdictOf } from '../../../src/page/model/verdict.ts';
import { finding, origin } from '../fixtures.ts';

const QUIET = { opened: 0, failed: 0, fresh: 0, reused: 0, seconds: 2 };
const failed = [{ phase: 'connect' as const, errorType: 'ECONNREFUSED', count: 3 }];

test.each([
  ['a finding', origin(), [finding()], QUIET, 'bad', 'a client per request'],
  [
    'two findings',
    origin(),
    [finding(), finding({ kind: 'goaway' })],
    QUIET,
    'bad',
    'a client per request, and 1 more',
  ],
  [
    'a failure that goes on, beside worse waste',
    origin(),
    [finding(), finding({ kind: 'failed_connect' })],
    { ...QUIET, failed: 1 },
    'bad',
    'cannot connect, and 1 more',
  ],
  [
    'a failure that is over, beside worse waste',
    origin(),
    [finding(), finding({ kind: 'failed_connect' })],
    QUIET,
    'bad',
    'a client per request, and 1 more',
  ],
  [
    'held connections',
    origin({ now: { active: 2, idle: 0, opening: 0, held: 2 } }),
    [],
    QUIET,
    'watch',
    'unread bodies hold 2',
  ],
  ['attempts that fail now', origin({ failed }), [], { ...QUIET, failed: 1 }, 'watch', 'some attempts fail'],
  ['waiting requests', origin({ waiting: 1 }), [], QUIET, 'watch', 'requests wait'],
  ['nothing wrong', origin({ failed }), [], QUIET, 'good', 'good'],
  ['only failures', origin({ opened: [], failed }), [], QUIET, 'watch', 'never connected'],
  ['nothing', origin({ opened: [] }), [], undefined, 'unused', 'no connections yet'],
] as const)('%s', (_what, of, findings, recent, severity, text) => {
  expect(verdictOf(of, findings, recent)).toEqual({ severity, text });
});
