import { expect, test } from 'vitest';
import { bytesOf, type Page, TextMemory, TextOutput, written } from '../../src/register/text-memory.ts';

function textIn(memory: TextMemory, pieces: readonly string[]): readonly Page[] {
  const out = new TextOutput(memory);
  for (const piece of pieces) out.text(piece);
  return out.pages;
}

const kinds = {
  ASCII: 'a "b" \n',
  'two bytes a character': 'ünï',
  'three bytes': 'a\u2028b漢',
  'four bytes': '𝒳y',
  'an unpaired surrogate': 'a\ud800b',
  nothing: '',
};

test.each(Object.entries(kinds))('%s: the same bytes as UTF-8', (_, text) => {
  const pieces = [text, 'x', text.repeat(1_000), text];
  const pages = textIn(new TextMemory(), pieces);

  expect(Buffer.concat(written(pages))).toEqual(Buffer.from(pieces.join('')));
});

test.each(Object.entries(kinds))('%s: so is a text that was kept as its bytes', (_, text) => {
  const out = new TextOutput(new TextMemory());
  out.bytes(bytesOf(text));
  out.bytes('x');

  expect(Buffer.concat(written(out.pages))).toEqual(Buffer.from(`${text}x`));
  expect(out.length).toBe(Buffer.byteLength(`${text}x`));
});

test.each([
  ...[0, -0, 1, 9, 10, 11, 99, 100, 4_294, 65_536, 999_999, 1_000_000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, 2 ** 53],
  ...[-1, 0.5, 0.1 + 0.2, 1e21, 1e-7, Number.MAX_VALUE, Number.NaN],
])('%d is written as JavaScript does', value => {
  const out = new TextOutput(new TextMemory());
  out.number(value);

  expect(String(Buffer.concat(written(out.pages)))).toBe(String(value));
});

test('a number that has no room on its page is on the next one', () => {
  const page = 256 * 1024;
  const out = new TextOutput(new TextMemory());
  out.bytes('a'.repeat(page - 2));
  out.number(123);

  expect(written(out.pages).map(({ length }) => length)).toEqual([page - 2, 3]);
  expect(out.length).toBe(page + 1);
});

test('pieces share pages until they are full', () => {
  const page = 256 * 1024;
  const pages = textIn(new TextMemory(), ['a'.repeat(page - 1), 'b', 'c', 'd'.repeat(page)]);

  expect(written(pages).map(({ length }) => length)).toEqual([page, 1, page]);
});

test('a piece that is larger than a page has memory of its own, which is not kept', () => {
  const memory = new TextMemory();
  const large = textIn(memory, ['a'.repeat(300_000)]);
  memory.free(large);

  expect(written(textIn(memory, ['b'.repeat(300_000)]))[0]?.buffer).not.toBe(written(large)[0]?.buffer);
});

test('pages that were freed are used again: at most sixteen of them', () => {
  const memory = new TextMemory();
  const text = Array.from({ length: 20 }, () => 'a'.repeat(200_000));
  const first = textIn(memory, text);
  const buffers = new Set(written(first).map(({ buffer }) => buffer));
  memory.free(first);
  const again = written(textIn(memory, text));

  expect(again).toHaveLength(20);
  expect(again.filter(({ buffer }) => buffers.has(buffer))).toHaveLength(16);
});
