import { expect, test } from 'vitest';
import { mutantsOf, randomFrom, sample } from './mutants.ts';

const TEXT = `import type { A } from './a.ts';
/** a && b */
interface Facts { readonly is: true; }
function f(a: Set<number>, b: number) {
  // a || b
  if (!a.size && b < 2) return true;
  return b === 3;
}
`;

test('each operator and constant of the code is changed, one at a time', () => {
  expect(mutantsOf('f.ts', TEXT).map(({ line, from, to }) => `${line}: ${from} -> ${to}`)).toEqual([
    '6: ! -> ',
    '6: && -> ||',
    '6: < -> <=',
    '6: < -> >=',
    '6: true -> false',
    '7: === -> !==',
  ]);
});

test('a mutant has the whole text, changed in one place', () => {
  const [first] = mutantsOf('f.ts', TEXT);

  expect(first?.text).toBe(TEXT.replace('!a.size', 'a.size'));
});

test('a sample is the same for the same seed, and in the order of the text', () => {
  const all = Array.from({ length: 100 }, (_, i) => i);
  const picked = sample(all, 10, randomFrom(7));

  expect(picked).toHaveLength(10);
  expect(picked).toEqual(picked.toSorted((a, b) => a - b));
  expect(picked).toEqual(sample(all, 10, randomFrom(7)));
  expect(picked).not.toEqual(sample(all, 10, randomFrom(8)));
});
