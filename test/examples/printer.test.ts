import { expect, test } from 'vitest';
import { printer } from '../../examples/demo/printer.ts';

function output(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, written, write: (text: string | Uint8Array) => written.push(String(text)) > 0 };
}

test('on a terminal, a block replaces the previous one', () => {
  const out = output(true);
  const print = printer(out, {});

  print(['one', 'two']);
  print(['three']);
  print(['four']);

  const ups = out.written.map(text => ['\x1b[1A', '\x1b[2A'].filter(up => text.includes(up)));
  expect(ups).toEqual([[], ['\x1b[2A'], ['\x1b[1A']]);
});

test('elsewhere, blocks follow each other without control characters', () => {
  const out = output(false);
  const print = printer(out, {});

  print(['one', 'two']);
  print(['three']);

  expect(out.written.join('')).toBe('one\ntwo\n\nthree\n\n');
});

test.each([
  [true, {}, true],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [false, {}, false],
])('terminal %s with %o: colours %s', (isTTY, env, colours) => {
  expect(printer(output(isTTY), env).colours).toBe(colours);
});
