import { expect, test } from 'vitest';
import { openCause, type PoolStanding, type Standing } from '../../../src/client/attribution/open-cause.ts';
import { OPEN_CAUSES, type OpenCause } from '../../../src/core/causes.ts';

const FACTS = ['originIsKnown', 'poolIsKnown', 'oneIsIdle', 'oneIsLost', 'oneIsHeld', 'anyLive'] as const;

type All = Standing & PoolStanding;

/** One letter a fact, in the order above: y for yes, n for no, . for either. */
function standing(facts: string): All {
  return Object.fromEntries(FACTS.map((fact, index) => [fact, facts[index] === 'y'])) as unknown as All;
}

const causeOf = (all: All) => openCause(all, all);

/** Each of the 64 standings fits exactly one row, and each cause has one. */
const RULES: readonly (readonly [OpenCause, facts: string])[] = [
  ['first', 'n.....'],
  ['new_pool', 'yn....'],
  ['release_race', 'yyy...'],
  ['replaced', 'yyny..'],
  ['body_held', 'yynny.'],
  ['pool_busy', 'yynnny'],
  ['unknown', 'yynnnn'],
];

const ALL = Array.from({ length: 64 }, (_, number) =>
  number.toString(2).padStart(6, '0').replaceAll('0', 'n').replaceAll('1', 'y'),
);

const fits = (facts: string, rule: string) => new RegExp(`^${rule}$`).test(facts);

test.each(ALL)('a standing of %s has the one cause whose rule it fits', facts => {
  const causes = RULES.filter(([, rule]) => fits(facts, rule)).map(([cause]) => cause);

  expect(causes).toEqual([causeOf(standing(facts))]);
});

test('every cause of the list has its rule, in the order of the list', () => {
  expect(RULES.map(([cause]) => cause)).toEqual(OPEN_CAUSES);
});

test.each<[string, Partial<All>, OpenCause]>([
  ['to an origin nobody tried', {}, 'first'],
  ['to an origin nobody tried, by a pool that has others', { poolIsKnown: true, anyLive: true }, 'first'],
  ['by a client that was just made', { originIsKnown: true }, 'new_pool'],
  ['while one is idle', { originIsKnown: true, poolIsKnown: true, oneIsIdle: true, anyLive: true }, 'release_race'],
  [
    'while one is idle, and another was lost',
    { originIsKnown: true, poolIsKnown: true, oneIsIdle: true, oneIsLost: true, anyLive: true },
    'release_race',
  ],
  ['after the only one was lost', { originIsKnown: true, poolIsKnown: true, oneIsLost: true }, 'replaced'],
  [
    'after one was lost, while the others are busy and one is held',
    { originIsKnown: true, poolIsKnown: true, oneIsLost: true, oneIsHeld: true, anyLive: true },
    'replaced',
  ],
  [
    'while an unread body holds one',
    { originIsKnown: true, poolIsKnown: true, oneIsHeld: true, anyLive: true },
    'body_held',
  ],
  ['while all are busy', { originIsKnown: true, poolIsKnown: true, anyLive: true }, 'pool_busy'],
  ['for no reason that can be seen', { originIsKnown: true, poolIsKnown: true }, 'unknown'],
])('a connection opened %s', (_when, facts, cause) => {
  expect(causeOf({ ...standing('nnnnnn'), ...facts })).toBe(cause);
});
