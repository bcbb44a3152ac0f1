import { expect, test } from 'vitest';
import { type OriginFacts, openCause, type PoolFacts } from '../../../src/client/attribution/open-cause.ts';
import { OPEN_CAUSES, type OpenCause } from '../../../src/core/causes.ts';

const FACTS = ['originIsKnown', 'poolIsKnown', 'hasIdle', 'hasUnreplacedLoss', 'hasHeld', 'hasLive'] as const;

/** The facts in the order above, `y` or `n`. The facts of each rule also match the rules below it: the first one wins. */
const RULES: readonly (readonly [OpenCause, facts: string])[] = [
  ['first', 'nnyyyy'],
  ['new_pool', 'ynyyyy'],
  ['release_race', 'yyyyyy'],
  ['replaced', 'yynyyy'],
  ['body_held', 'yynnyy'],
  ['pool_busy', 'yynnny'],
  ['unknown', 'yynnnn'],
];

test.each(RULES)('%s: %s', (cause, given) => {
  const facts = Object.fromEntries(FACTS.map((fact, index) => [fact, given[index] === 'y']));

  expect(openCause(facts as unknown as OriginFacts, facts as unknown as PoolFacts)).toBe(cause);
});

test('every open cause has a rule, in the order of the list', () => {
  expect(RULES.map(([cause]) => cause)).toEqual(OPEN_CAUSES);
});
