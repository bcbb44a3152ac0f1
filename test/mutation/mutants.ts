/** One change of one token of a file. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  readonly from: string;
  readonly to: string;
  /** The whole text of the file, changed. */
  readonly text: string;
}

/** Each token that is changed, and what it is changed to. Spaces keep types and generics out. */
const CHANGES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/ && /g, [' || ']],
  [/ \|\| /g, [' && ']],
  [/ === /g, [' !== ']],
  [/ !== /g, [' === ']],
  [/ < /g, [' <= ', ' >= ']],
  [/ > /g, [' >= ', ' <= ']],
  [/ <= /g, [' < ', ' > ']],
  [/ >= /g, [' > ', ' < ']],
  [/(?<=[(\s!])!(?=[a-z(])/g, ['']],
  [/\btrue\b/g, ['false']],
  [/\bfalse\b/g, ['true']],
  [/(?<=\w)\+\+/g, ['--']],
  [/(?<=\w)--/g, ['++']],
  [/\.findLast\(/g, ['.find(']],
  [/\.at\(-1\)/g, ['.at(0)']],
  [/ \?\?= /g, [' = ']],
];

/** All mutants of a file, in the order of the text. Comments, imports and declarations of types are left alone. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const isCode = codeOf(text);
  const found: (Mutant & { at: number })[] = [];
  for (const [token, replacements] of CHANGES) {
    for (const { index, 0: from } of text.matchAll(token)) {
      if (!isCode(index)) continue;

      for (const to of replacements) {
        const changed = text.slice(0, index) + to + text.slice(index + from.length);
        const line = text.slice(0, index).split('\n').length;
        found.push({ file, line, from: from.trim(), to: to.trim(), text: changed, at: index });
      }
    }
  }
  return found.toSorted((a, b) => a.at - b.at).map(({ at: _, ...mutant }) => mutant);
}

/** Tells whether a place of the text is code that runs. */
function codeOf(text: string): (index: number) => boolean {
  const skipped = Array.from(
    text.matchAll(
      /\/\*.*?\*\/|\/\/[^\n]*|^import [^;]*;|^(?:export )?interface [^\n]*\{(?:[^\n]*\}|\n.*?^\})|^(?:export )?type [^;]*;/gms,
    ),
    ({ index, 0: match }) => [index, index + match.length] as const,
  );
  return index => !skipped.some(([from, to]) => index >= from && index < to);
}

/** Picks `count` mutants with a generator of random numbers, in their order. */
export function sample<T>(all: readonly T[], count: number, random: () => number): T[] {
  const left = all.map((item, index) => ({ item, index }));
  const picked: typeof left = [];
  while (picked.length < count && left.length > 0) {
    picked.push(...left.splice(Math.floor(random() * left.length), 1));
  }
  return picked.toSorted((a, b) => a.index - b.index).map(({ item }) => item);
}

/** Random numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
