import type { WriteText } from '../../src/register/exposition.ts';
import { TextMemory, TextOutput, written } from '../../src/register/text-memory.ts';

/** Writes these texts, each in a turn of its own. */
export function writing(texts: Iterable<string>): WriteText {
  return function* (out) {
    for (const text of texts) {
      out.text(text);
      yield;
    }
  };
}

/** What is written, piece by piece. */
export function piecesOf(write: WriteText): string[] {
  const out = new TextOutput(new TextMemory());
  const ends = Array.from(write(out), () => out.length);
  const bytes = Buffer.concat(written(out.pages));
  return [0, ...ends].map((from, at) => bytes.toString('utf8', from, ends[at] ?? bytes.length));
}
