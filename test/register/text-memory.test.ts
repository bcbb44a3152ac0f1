import { expect, test } from 'vitest';
import { type Page, TextMemory, written } from '../../src/register/text-memory.ts';

function textIn(memory: TextMemory, pieces: readonly string[]): Page[] {
  const pages: Page[] = [];
  for (const piece of pieces) memory.append(pages, piece);
  return pages;
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
