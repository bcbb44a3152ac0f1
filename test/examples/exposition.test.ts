import { expect, test } from 'vitest';
import { parseExposition } from '../../examples/demo/exposition.ts';

test('a line has a name, labels and a value', () => {
  const samples = parseExposition('requests_total{server_address="a.test",server_port="80"} 12');

  expect(samples).toEqual([
    { name: 'requests_total', labels: { server_address: 'a.test', server_port: '80' }, value: 12 },
  ]);
});

test.each([
  ['no labels', 'up 1', { name: 'up', labels: {}, value: 1 }],
  ['empty braces', 'up{} 1', { name: 'up', labels: {}, value: 1 }],
  ['a trailing comma', 'up{a="b",} 1', { name: 'up', labels: { a: 'b' }, value: 1 }],
  ['a timestamp', 'up 1 1700000000000', { name: 'up', labels: {}, value: 1 }],
  ['an exponent', 'seconds_sum 1.5e-3', { name: 'seconds_sum', labels: {}, value: 0.0015 }],
  ['infinity as a label', 'bucket{le="+Inf"} 3', { name: 'bucket', labels: { le: '+Inf' }, value: 3 }],
  ['infinity', 'size +Inf', { name: 'size', labels: {}, value: Number.POSITIVE_INFINITY }],
  ['negative infinity', 'size -Inf', { name: 'size', labels: {}, value: Number.NEGATIVE_INFINITY }],
  ['not a number', 'size NaN', { name: 'size', labels: {}, value: Number.NaN }],
  ['escapes in a label', String.raw`x{p="a\"b\\n\n"} 1`, { name: 'x', labels: { p: 'a"b\\n\n' }, value: 1 }],
  [
    'braces and commas in a label',
    'x{p="{a=\\"1\\",}",q="}"} 1',
    { name: 'x', labels: { p: '{a="1",}', q: '}' }, value: 1 },
  ],
])('parses %s', (_what, line, sample) => {
  expect(parseExposition(line)).toEqual([sample]);
});

test('skips comments, empty lines and invalid lines', () => {
  const text = '# HELP up Whether it is up.\n# TYPE up gauge\n\nup 1\nup{a="b" 1\nup\n';

  expect(parseExposition(text)).toEqual([{ name: 'up', labels: {}, value: 1 }]);
});
