import { expect, test } from 'vitest';
import { type OpenFacts, openCause } from '../../../src/client/attribution/open-cause.ts';
import { OPEN_CAUSES, type OpenCause } from '../../../src/core/causes.ts';

/** The facts of each rule, one letter each: `y`, `n`. They also match the rules below it: the first one wins. */
const RULES: readonly (readonly [OpenCause, facts: string])[] = [
  ['first', 'yyyyyyy'],
  ['new_pool', 'nyyyyyy'],
  ['replaced', 'nnyyyyy'],
  ['unknown', 'nnnnyyy'],
  ['release_race', 'nnnyyyy'],
  ['body_held', 'nnnynyy'],
  ['pool_busy', 'nnnynny'],
  ['unknown', 'nnnynnn'],
];

test.each(RULES)('%s: %s', (cause, given) => {
  const [isFirstOfOrigin, isFirstOfPool, isReplacement, poolIsKnown, hadIdle, hadHeld, hadOthers] = [...given].map(
    letter => letter === 'y',
  ) as boolean[];
  const facts = { isFirstOfOrigin, isFirstOfPool, isReplacement, poolIsKnown, hadIdle } as OpenFacts;

  const others = { hadHeld: () => hadHeld === true, hadAny: () => hadOthers === true };
  expect(openCause(facts, undefined, others)).toBe(cause);
});

test('every open cause has a rule', () => {
  expect(new Set(RULES.map(([cause]) => cause))).toEqual(new Set(OPEN_CAUSES));
});
