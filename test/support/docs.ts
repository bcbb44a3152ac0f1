import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** The code blocks of one language in a docs page. */
export function blocksOf(path: string, language: string): string[] {
  const blocks = readFileSync(join(ROOT, path), 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms);
  return Array.from(blocks, ([, of, text = '']) => ({ of, text })).flatMap(({ of, text }) =>
    of === language ? [text] : [],
  );
}
