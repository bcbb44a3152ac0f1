import { expect, test } from 'vitest';
import { inWords, WORDS } from '../../examples/demo/words.ts';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { CLOSE_REASONS } from '../../src/core/reasons.ts';

test('every cause and every reason has its words, and nothing else', () => {
  const names = new Set([...OPEN_CAUSES.filter(cause => cause !== 'replaced'), ...CLOSE_REASONS]);

  expect(new Set(Object.keys(WORDS))).toEqual(names);
});

test('what has no words stands for itself', () => {
  expect(inWords('of_tomorrow')).toBe('of_tomorrow');
});
