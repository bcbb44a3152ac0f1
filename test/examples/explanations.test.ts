import { expect, test } from 'vitest';
import { EXPLANATIONS, explanationOf } from '../../examples/demo/explanations.ts';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { CLOSE_REASONS } from '../../src/core/reasons.ts';

test('every cause and every reason has an explanation', () => {
  const names = new Set([...OPEN_CAUSES.filter(cause => cause !== 'replaced'), ...CLOSE_REASONS]);

  expect(new Set(Object.keys(EXPLANATIONS))).toEqual(names);
});

test('an unknown cause or reason is shown as it is', () => {
  expect(explanationOf('of_tomorrow')).toBe('of_tomorrow');
});
