import type { Mutant } from './mutants.ts';

/** Mutants that no test can notice, by file and by the text of the line, with the reason. */
const EXPLAINED: Readonly<Record<string, Readonly<Record<string, string>>>> = {};

export function explanationOf({ file, line, text }: Mutant): string | undefined {
  const changed = text.split('\n')[line - 1] ?? '';
  return EXPLAINED[file]?.[changed.trim()];
}
