import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

const WRAPPERS = ['env', 'npx', 'c8', 'nyc', 'cross-env', 'exec', 'nice', 'timeout'];

/** The versions of Node that a package supports: `engines` in its package.json. */
export function supportedNodes(project: string): string {
  const { engines } = JSON.parse(readFileSync(`${project}/package.json`, 'utf8')) as { engines: { node: string } };
  return engines.node;
}

/** True if a version is in a range like `^22.19.0 || >=24.2.0`, the only format that our package.json uses. */
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

/** A one-line message if a version of Node is not supported; undefined if it is. */
export function unsupportedMessage(node: { path: string; version: string }, range: string): string | undefined {
  if (isSupported(node.version, range)) return undefined;
  return `connmeter does not support Node ${node.version.replace(/^v/, '')} (${node.path}): it needs ${range}.`;
}

/** The Node binary of a command: the one in the command itself, or the first one on the PATH. */
export function nodeOf(words: readonly string[], folder: string, PATH: string): { path: string; version: string } {
  const named = namedIn(words.length === 1 ? (words[0] ?? '').trim().split(/\s+/) : words);
  const ask = (path: string, ...args: string[]) =>
    execFileSync(path, args, { cwd: folder, env: { PATH }, encoding: 'utf8' }).trim();
  const [path = '', version = ''] = ask(named ?? 'node', '-p', 'process.execPath + "\\n" + process.version').split(
    '\n',
  );
  return { path, version };
}

/** The word of a command that is the path of a Node binary. */
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
