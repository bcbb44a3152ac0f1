import { expect, test } from 'vitest';
import { ResolvedNames } from '../../src/metrics/resolved-names.ts';

test('remembers which addresses a name led to', () => {
  const names = new ResolvedNames();
  names.add('A.test', ['10.0.0.1', '::1']);

  expect(names.ledTo('a.test', '10.0.0.1')).toBe(true);
  expect(names.ledTo('a.test', '::1')).toBe(true);
  expect(names.ledTo('a.test', '10.0.0.2')).toBe(false);
  expect(names.ledTo('b.test', '10.0.0.1')).toBe(false);
});

test('forgets the oldest answers', () => {
  const names = new ResolvedNames();
  for (let i = 0; i <= 1_000; i++) names.add(`${i}.test`, ['10.0.0.1']);

  expect(names.ledTo('0.test', '10.0.0.1')).toBe(false);
  expect(names.ledTo('1.test', '10.0.0.1')).toBe(true);
  expect(names.ledTo('1000.test', '10.0.0.1')).toBe(true);
});
