import { type Ending, type Report, Results, SEPARATOR, withoutColours } from './report.ts';

interface Entry {
  readonly name: string;
  readonly ending: Ending;
}

// `ok 3 - name # SKIP why`, with or without number, dash and name; tap adds ` {` if subtests follow.
const POINT = /^( *)(not )?ok\b(?: +\d+)?( *- +| +|$)(.*)$/;
const DIRECTIVE = / +# *(skip|todo|time)\b.*$/i;

/** True if the text looks like the Test Anything Protocol. */
export function isTap(text: string): boolean {
  return /^ *TAP version \d+/m.test(text) || (/^ *1\.\.\d+/m.test(text) && /^ *(not )?ok \d+/m.test(text));
}

/**
 * Reads the Test Anything Protocol of node:test, tap, ava and tape. Subtests are indented by four spaces: before their
 * parent (node:test), or after it in braces (tap). tape has no subtests: a comment names the test of the assertions below.
 */
export function readTap(text: string): Report {
  const lines = withoutColours(text).split('\n');
  const flat = !lines.some(line => /^ *# Subtest/.test(line) || / \{$/.test(line) || /^ {4,}(not )?ok\b/.test(line));
  /** Subtests that wait for their parent, by depth. */
  const waiting: Entry[][] = [];
  const opened: { depth: number; entry: Entry }[] = [];
  /** The test that started last, by depth. */
  const announced: (string | undefined)[] = [];
  let section = '';
  let inYaml: number | undefined;

  const at = (depth: number) => {
    waiting[depth] ??= [];
    return waiting[depth];
  };
  const close = (depth: number, entry: Entry) => {
    for (let below = waiting.length - 1; below > depth; below--) {
      const lost = below > depth + 1 && at(below).length > 0 ? announced[below - 1] : undefined;
      if (lost !== undefined) close(below - 1, { name: lost, ending: 'failed' }); // it started and never ended
      for (const part of at(below)) at(depth).push({ ...part, name: entry.name + SEPARATOR + part.name });
      at(below).length = 0;
    }
    at(depth).push(entry);
  };

  for (const line of lines) {
    const indent = line.length - line.trimStart().length;
    if (inYaml !== undefined) {
      if (indent <= inYaml && line.trim() === '...') inYaml = undefined;
      else if (POINT.test(line) && indent < inYaml) inYaml = undefined; // the YAML block was not closed
      if (inYaml !== undefined || line.trim() === '...') continue;
    }
    if (line.trim() === '---') {
      inYaml = indent;
      continue;
    }
    const depth = Math.floor(indent / 4);
    if (line.trim() === '}' && opened.at(-1)?.depth === depth) {
      const { entry } = opened.pop() as { entry: Entry };
      close(depth, entry);
      continue;
    }
    const heading = /^# (?!Subtest)(.+)$/.exec(line);
    if (heading !== null && flat) section = heading[1] ?? '';

    const subtest = /^ *# Subtest: (.*)$/.exec(line);
    if (subtest !== null) announced[depth] = (subtest[1] ?? '').replace(/\\#/g, '#');
    const point = POINT.exec(line);
    if (point === null) continue;
    const [, , not, between = '', rest = ''] = point;
    const behind = / \{$/.test(rest);
    const said = rest.replace(/ \{$/, '');
    const directive = DIRECTIVE.exec(said);
    const kind = directive?.[1]?.toLowerCase();
    const title = said.replace(DIRECTIVE, '').replace(/\\#/g, '#') || '(no name)';
    const ending = kind === 'skip' || kind === 'todo' ? 'skipped' : not === undefined ? 'passed' : 'failed';
    const isOfTape = flat && !between.includes('-'); // ava writes a dash, and its comments are log output
    const entry: Entry = { name: isOfTape && section !== '' ? section + SEPARATOR + title : title, ending };
    if (behind) opened.push({ depth, entry });
    else close(depth, entry);
  }
  for (const { depth, entry } of opened.reverse()) close(depth, entry);

  for (let depth = waiting.length - 2; depth >= 0; depth--) {
    const lost = announced[depth];
    if (lost !== undefined && at(depth + 1).length > 0) close(depth, { name: lost, ending: 'failed' });
  }

  const results = new Results();
  for (const { name, ending } of waiting.flat()) results.add(name, ending);
  return results.report;
}
