import { basename } from 'node:path';

/** Arguments that make a test runner write a report that can be parsed. */
interface Runner {
  readonly args: readonly string[];
  /** True if it writes to the file instead of stdout. */
  readonly toFile: boolean;
}

/** Placeholder for the path of the file in the arguments. */
const FILE = '{file}';

const RUNNERS: Readonly<Record<string, Runner>> = {
  mocha: { args: ['--reporter', 'spec'], toFile: false },
  _mocha: { args: ['--reporter', 'spec'], toFile: false },
  jest: { args: ['--json', `--outputFile=${FILE}`], toFile: true },
  vitest: { args: ['--reporter=default', '--reporter=json', `--outputFile=${FILE}`], toFile: true },
  // Each test file in a process of its own, as other runners do it.
  ava: { args: ['--tap', '--no-worker-threads'], toFile: false },
  tap: { args: ['--reporter=tap'], toFile: false },
  borp: { args: ['--reporter=spec', `--reporter=tap:${FILE}`], toFile: true },
};

/** Commands that run another command, which follows them. */
const WRAPPERS = ['c8', 'nyc', 'npx', 'cross-env', 'env', 'dotenv', 'timeout', 'exec'];

export interface Command {
  readonly words: readonly string[];
  /** The recognised runner. */
  readonly runner: string | undefined;
  /** True if its report goes to the file. */
  readonly toFile: boolean;
}

/**
 * Adds arguments to a command so that its runner writes a report that can be parsed. This is possible if the command, or
 * the npm script that it runs, ends in a known runner.
 */
export function withReporter(
  words: readonly string[],
  scripts: Readonly<Record<string, string>>,
  file: string,
): Command {
  const found = runnerOf(words, scripts, 0);
  const runner = found && RUNNERS[found.name];
  if (found === undefined || runner === undefined) return { words, runner: found?.name, toFile: false };

  const hasOwn = Array.from({ length: found.npms }, () => '--');
  const present = words.indexOf('--');
  const separators = present === -1 ? hasOwn : hasOwn.slice(1);
  const args = runner.args.map(arg => arg.replace(FILE, file));
  const tail = [...separators, ...args];
  // One word with spaces is a shell command.
  const whole =
    words.length === 1 && /\s/.test(words[0] ?? '') ? [`${words[0]} ${tail.join(' ')}`] : [...words, ...tail];
  return { words: whole, runner: found.name, toFile: runner.toFile };
}

/** The runner at the end of a command, and the number of npm scripts in between. */
function runnerOf(
  words: readonly string[],
  scripts: Readonly<Record<string, string>>,
  npms: number,
): { name: string; npms: number } | undefined {
  if (words.length === 1 && /\s/.test(words[0] ?? '')) return runnerOf(lastCommand(words[0] ?? ''), scripts, npms);
  if (npms > 5) return undefined; // a script that calls itself

  const script = scriptOf(words);
  if (script !== undefined) {
    const line = scripts[script];
    return line === undefined ? undefined : runnerOf(lastCommand(line), scripts, npms + 1);
  }
  for (const [i, word] of words.entries()) {
    const name = basename(word).replace(/\.[cm]?js$/, '');
    if (name === 'node' && words.slice(i + 1).includes('--test')) return { name: 'node --test', npms };
    if (Object.hasOwn(RUNNERS, name)) return { name, npms };
    const isPassedOver =
      i === 0 ||
      WRAPPERS.includes(name) ||
      name === 'node' ||
      word.startsWith('-') ||
      /^\w+=/.test(word) ||
      WRAPPERS.includes(basename(words[0] ?? ''));
    if (!isPassedOver) return undefined;
  }
  return undefined;
}

function scriptOf([first = '', second = '', third]: readonly string[]): string | undefined {
  if (basename(first) !== 'npm') return undefined;
  if (second === 'test' || second === 't' || second === 'tst') return 'test';
  return second === 'run' || second === 'run-script' ? third : undefined;
}

/** The last command of a shell line, which gets the arguments that are appended to the line. */
function lastCommand(line: string): string[] {
  const last = line.split(/&&|\|\||;/).at(-1) ?? '';
  return /[|<>()`]/.test(last) ? [] : last.trim().split(/\s+/);
}
