import { type Ending, type Report, Results, SEPARATOR, withoutColours } from './report.ts';

const MARKS: Readonly<Record<string, Ending>> = {
  '✔': 'passed',
  '✓': 'passed',
  '√': 'passed',
  '✖': 'failed',
  '✕': 'failed',
  '✗': 'failed',
  '✘': 'failed',
  '×': 'failed',
  '﹣': 'skipped',
  '○': 'skipped',
  '↓': 'skipped',
  '✎': 'skipped',
};
const MARKED = new RegExp(`^( *)([${Object.keys(MARKS).join('')}])️? +(\\S.*)$`, 'u');
/** mocha numbers failures, and marks skipped tests with a dash. */
const NUMBERED = /^( {2,})(\d+)\) (\S.*)$/;
const DASHED = /^( {2,})- (\S.*)$/;
/** The result of a whole file: jest, and tap's short reports. */
const FILE = /^ *(PASS|FAIL|SKIP) +(\S+\.[cm]?[jt]sx?)\b/;
/** Failures are repeated in detail from here: node:test, mocha, jest, ava. */
const AGAIN = /^(?:✖ failing tests:|Summary of all failing tests| *─+ *$)|^ {2}\d+ (?:passing|failing)\b/;

/**
 * Reads reports with a tick or a cross before each name: node:test (spec), mocha (spec), ava, jest and vitest (verbose).
 * Titles of parent tests are above their subtests, two columns to the left.
 */
export function readTicks(text: string): Report {
  const results = new Results();
  const lines = withoutColours(text).split('\n');
  let titles: { indent: number; title: string }[] = [];
  let failures = 0;
  let again = false;

  const within = (indent: number, name: string) => {
    titles = titles.filter(title => title.indent < indent);
    return [...titles.map(({ title }) => title), name].join(SEPARATOR);
  };

  for (const [i, line] of lines.entries()) {
    if (AGAIN.test(line)) again = true;
    if (/^> \S+@\S+ \S/.test(line)) {
      again = false; // npm starts another script
      failures = 0;
    }
    if (again) continue;
    const file = FILE.exec(line);
    if (file !== null) {
      results.add(file[2] as string, file[1] === 'PASS' ? 'passed' : file[1] === 'FAIL' ? 'failed' : 'skipped');
      continue;
    }
    const marked = MARKED.exec(line);
    if (marked !== null) {
      const [, indent = '', mark = '', said = ''] = marked;
      results.add(within(indent.length, named(said)), endingOf(MARKS[mark] as Ending, said));
      continue;
    }
    const numbered = NUMBERED.exec(line);
    if (numbered !== null && Number(numbered[2]) === failures + 1) {
      failures++;
      results.add(within(numbered[1]?.length ?? 0, named(numbered[3] ?? '')), 'failed');
      continue;
    }
    const dashed = DASHED.exec(line);
    if (dashed !== null && titles.length > 0) {
      results.add(within(dashed[1]?.length ?? 0, named(dashed[2] ?? '')), 'skipped');
      continue;
    }
    const title = titleOf(
      line,
      lines.slice(i + 1).find(next => next.trim() !== ''),
    );
    if (title !== undefined) {
      titles = titles.filter(({ indent }) => indent < title.indent);
      titles.push(title);
    }
  }
  return results.report;
}

/** A line is a title if the next line is indented by two more columns. */
function titleOf(line: string, next: string | undefined): { indent: number; title: string } | undefined {
  const found = /^( *)(▶ )?(\S.*)$/u.exec(line);
  if (found === null) return undefined;

  const [, spaces = '', arrow, said = ''] = found;
  if (arrow !== undefined) return { indent: spaces.length, title: named(said) };
  if (next === undefined || spaces.length < 2 || spaces.length % 2 !== 0) return undefined;
  const indentOfNext = next.length - next.trimStart().length;
  return indentOfNext === spaces.length + 2 ? { indent: spaces.length, title: said } : undefined;
}

/** Removes what follows a name: the duration, the number of subtests, the reason for a skip. */
function named(said: string): string {
  return said
    .replace(/^\[(?:pass|fail|skip|todo)\]: /, '')
    .replace(/ +#.*$/, match => (/^ +# *(skip|todo|expected)/i.test(match) ? '' : match))
    .replace(/ *\(\d+ tests?(?: \| [^)]*)?\)/, '')
    .replace(/ +\(?[\d.]+ ?(?:ms|s|m)\)?$/, '')
    .replace(/ +[\d.]+ ?ms$/, '');
}

function endingOf(ending: Ending, said: string): Ending {
  return /# *(skip|todo)\b/i.test(said) ? 'skipped' : ending;
}
