import { expect, test } from 'vitest';
import { mutantsOfExpression } from './rule-mutants.ts';

test('each part of an expression is changed once', () => {
  const mutants = mutantsOfExpression('rate(a{b="1",c=~"2"}[5m]) > 0.5\nand (d >= 3 or e == 0)\nunless on (f) g');

  expect(mutants.map(({ expr }) => expr)).toEqual([
    'rate(a{b="1",c=~"2"}[5m]) > 0.5\nunless on (f) g',
    'rate(a{b="1",c=~"2"}[5m]) > 0.5\nand (d >= 3 )\nunless on (f) g',
    'rate(a{b="1",c=~"2"}[5m]) > 0.5\nand (d >= 3 or e == 0)\n',
    'rate(a{b="1",c=~"2"}[5m]) < 0.5\nand (d >= 3 or e == 0)\nunless on (f) g',
    'rate(a{b="1",c=~"2"}[5m]) > 0.5\nand (d < 3 or e == 0)\nunless on (f) g',
    'rate(a{b="1",c=~"2"}[5m]) > 0.5\nand (d >= 3 or e != 0)\nunless on (f) g',
    'rate(a{b="1",c=~"2"}[5m]) > 1\nand (d >= 3 or e == 0)\nunless on (f) g',
    'rate(a{b="1",c=~"2"}[5m]) > 0.25\nand (d >= 3 or e == 0)\nunless on (f) g',
    'rate(a{b="1",c=~"2"}[5m]) > 0.5\nand (d >= 6 or e == 0)\nunless on (f) g',
    'rate(a{b="1",c=~"2"}[5m]) > 0.5\nand (d >= 1.5 or e == 0)\nunless on (f) g',
    'rate(a{c=~"2"}[5m]) > 0.5\nand (d >= 3 or e == 0)\nunless on (f) g',
    'rate(a{b="1",}[5m]) > 0.5\nand (d >= 3 or e == 0)\nunless on (f) g',
  ]);
});
