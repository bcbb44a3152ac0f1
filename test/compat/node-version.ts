import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const WRAPPERS = ['env', 'npx', 'c8', 'nyc', 'cross-env', 'exec', 'nice', 'timeout'];

/** The versions of Node that a package supports: `engines` of its package.json. */
export function supportedNodes(project: string): string {
  const { engines } = JSON.parse(readFileSync(`${project}/package.json`, 'utf8')) as { engines: { node: string } };
  return engines.node;
}

/** Whether a version is in a range like `^22.19.0 || >=24.2.0`, which is all that our package.json uses. */
export function isSupported(version: string, range: string): boolean {
  const [major = 0, minor = 0, patch = 0] = numbersOf(version);
  return range.split('||').some(part => {
    const [, operator, from = ''] = /^(\^|>=)(\d+\.\d+\.\d+)$/.exec(part.trim()) ?? [];
    if (operator === undefined) throw new Error(`Cannot read the range ${part.trim()}`);

    const [fromMajor = 0, fromMinor = 0, fromPatch = 0] = numbersOf(from);
    if (major !== fromMajor) return operator === '>=' && major > fromMajor;
    return minor > fromMinor || (minor === fromMinor && patch >= fromPatch);
  });
}

/** One line for people where a Node is not supported; undefined where it is. */
export function unsupportedMessage(node: { path: string; version: string }, range: string): string | undefined {
  if (isSupported(node.version, range)) return undefined;
  return `connmeter does not support Node ${node.version.replace(/^v/, '')} (${node.path}): it needs ${range}.`;
}

/** The Node that a command runs on: the one it names itself, else the first on the PATH. */
export function nodeOf(words: readonly string[], folder: string, PATH: string): { path: string; version: string } {
  const named = namedIn(words.length === 1 ? (words[0] ?? '').trim().split(/\s+/) : words);
  const ask = (path: string, ...args: string[]) =>
    execFileSync(path, args, { cwd: folder, env: { PATH }, encoding: 'utf8' }).trim();
  const [path = '', version = ''] = ask(named ?? 'node', '-p', 'process.execPath + "\\n" + process.version').split(
    '\n',
  );
  return { path, version };
}

/** The word of a command that is the path of a Node. */
function namedIn(words: readonly string[]): string | undefined {
  for (const word of words) {
    if (/^node(\.exe)?$/.test(basename(word))) return word;
    const isPassedOver = /^\w+=/.test(word) || word.startsWith('-') || WRAPPERS.includes(basename(word));
    if (!isPassedOver) return undefined;
  }
  return undefined;
}

function numbersOf(version: string): number[] {
  return version.replace(/^v/, '').replace(/-.*$/, '').split('.').map(Number);
}
