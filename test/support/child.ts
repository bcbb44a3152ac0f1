import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

const PROGRAMS = new URL('./programs/', import.meta.url);

/** The file that `--import` or `-r` loads to add connmeter to a program: built, as it is published, because that starts faster. */
export const REGISTER = new URL('../../dist/register.js', import.meta.url);

// Node 24.2 is the only supported version that warns about TypeScript files.
const quiet = process.version.startsWith('v24.2.') ? ['--disable-warning=ExperimentalWarning'] : [];

/** The exit code of a program, and its output. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly process: ChildProcess;
  /** Output so far. */
  readonly said: { stdout: string; stderr: string };
  /** Resolves when the program exits; rejects if it was killed. */
  readonly outcome: Promise<Outcome>;
  /** Resolves once the program has printed this to stdout. */
  printed(text: string): Promise<unknown>;
  /** Writes a line to the program's stdin, which some programs wait for. */
  writeLine(line: string): void;
}

export interface StartOptions {
  readonly args?: readonly (string | number)[];
  /** Arguments of Node itself. */
  readonly node?: readonly string[];
  /** The complete environment. Nothing is inherited, so that no variable of the machine changes a test. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The path of one of the small programs in `programs/`. */
export function programPath(name: string): string {
  return new URL(name, PROGRAMS).pathname;
}

/** Starts a program in its own process, on the Node version that runs the tests. It is killed when the test ends. */
export function start(path: string, { args = [], node = [], env = {}, cwd }: StartOptions = {}): Program {
  const child = spawn(process.execPath, [...quiet, ...node, path, ...args.map(String)], { env, cwd });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    said.stderr += text;
  });
  child.stdin.on('error', () => {}); // the program may exit before it reads
  const outcome = once(child, 'close').then(([code, signal]) => {
    if (signal !== null) throw new Error(`ended by ${signal}: ${JSON.stringify(said)}`);
    return { code, ...said };
  });
  outcome.catch(() => {}); // callers that await `outcome` see the rejection

  return {
    process: child,
    said,
    outcome,
    printed: text =>
      until(
        () => ({ ...said, ended: child.exitCode }),
        ({ stdout, ended }) => {
          if (ended !== null && !stdout.includes(text))
            throw new Error(`ended early with ${ended}: ${JSON.stringify(said)}`);
          return stdout.includes(text);
        },
        15_000,
      ),
    writeLine: line => void child.stdin.write(`${line}\n`),
  };
}
