/** One sample line of a scrape. */
export interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

const TYPES = /^(counter|gauge|histogram|summary|untyped)$/;
const VALUE = /^(?:[+-]?Inf|NaN|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i;
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', '"': '"', '\\': '\\' };

/**
 * Parses a scrape according to the specification, and throws at the first violation. Prometheus itself is more lenient.
 * https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
 */
export function parseStrictly(bytes: Buffer): Series[] {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  if (!text.endsWith('\n')) throw new Error('the last line does not end');

  const typed = new Set<string>();
  const seen = new Set<string>();
  const all: Series[] = [];
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    if (line.startsWith('#')) {
      const [, kind, name = '', rest = ''] = /^# (HELP|TYPE|UNIT) ([A-Za-z_:][\w:]*) (.+)$/s.exec(line) ?? [];
      if (kind === undefined) throw new Error(`a comment that is none of ours: ${JSON.stringify(line)}`);
      if (kind !== 'TYPE') continue;
      if (!TYPES.test(rest) || typed.has(name)) throw new Error(`a type twice, or unknown: ${JSON.stringify(line)}`);
      typed.add(name);
      continue;
    }
    const series = readLine(line);
    const family = series.name.replace(/_(?:bucket|sum|count)$/, '');
    if (!typed.has(series.name) && !typed.has(family)) throw new Error(`no type before ${JSON.stringify(line)}`);

    const key = JSON.stringify([series.name, ...[...series.labels].sort(([a], [b]) => (a < b ? -1 : 1))]);
    if (seen.has(key)) throw new Error(`a series twice: ${key}`);
    seen.add(key);
    all.push(series);
  }
  return all;
}

function readLine(line: string): Series {
  const fail = (what: string): never => {
    throw new Error(`${what} in ${JSON.stringify(line)}`);
  };
  const name = /^[A-Za-z_:][\w:]*/.exec(line)?.[0] ?? fail('no name');
  const labels = new Map<string, string>();
  let at = name.length;
  if (line[at] === '{') {
    at++;
    while (line[at] !== '}') {
      const label = /^[A-Za-z_]\w*(?==")/.exec(line.slice(at))?.[0] ?? fail(`no label at ${at}`);
      if (labels.has(label)) fail(`${label} twice`);
      at += label.length + 2;
      let value = '';
      for (; line[at] !== '"'; at++) {
        if (at >= line.length) fail('a label without an end');
        value += line[at] === '\\' ? (ESCAPED[line[++at] ?? ''] ?? fail('an escape that is none')) : line[at];
      }
      labels.set(label, value);
      at++;
      if (line[at] === ',') at++;
      else if (line[at] !== '}') fail(`neither , nor } at ${at}`);
    }
    at++;
  }
  const value = line.slice(at);
  if (value[0] !== ' ' || !VALUE.test(value.slice(1))) fail('no value');
  return { name, labels, value: Number(value.replace(/Inf$/, 'Infinity')) };
}
