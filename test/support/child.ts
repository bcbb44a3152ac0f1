import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { until } from './measuring.ts';

const SRC = new URL('../../src/', import.meta.url);
const PROGRAMS = new URL('./programs/', import.meta.url);

/** How connmeter gets into a program: the file that `--import` or `-r` loads. */
export const REGISTER = new URL('register.ts', SRC);

// Only this release in our range warns of TypeScript files as such; the warning has nothing to do with us.
const quiet = process.version.startsWith('v24.2.') ? ['--disable-warning=ExperimentalWarning'] : [];

/** How a program ended, and all it said. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  readonly process: ChildProcess;
  /** What it has said so far. */
  readonly said: { stdout: string; stderr: string };
  /** When it ends; fails if it has to be killed for that. */
  readonly outcome: Promise<Outcome>;
  /** Once it has written this to its stdout. */
  wrote(text: string): Promise<unknown>;
  /** A line on its stdin; the programs that wait wait for one. */
  tell(line: string): void;
}

export interface Running {
  readonly args?: readonly (string | number)[];
  /** Node's own arguments. */
  readonly node?: readonly string[];
  /** All of its environment; nothing is inherited, or a variable of the machine would decide what a test means. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** The path of one of the small programs in `programs/`. */
export function programPath(name: string): string {
  return new URL(name, PROGRAMS).pathname;
}

/** Starts a program in a process of its own, on the Node that runs this. It does not outlive the test. */
export function start(path: string, { args = [], node = [], env = {}, cwd }: Running = {}): Program {
  const child = spawn(process.execPath, [...quiet, ...node, path, ...args.map(String)], { env, cwd });
  onTestFinished(() => void child.kill('SIGKILL'));
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => {
    said.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    said.stderr += text;
  });
  child.stdin.on('error', () => {}); // it may end before it reads
  const outcome = once(child, 'close').then(([code, signal]) => {
    if (signal !== null) throw new Error(`ended by ${signal}: ${JSON.stringify(said)}`);
    return { code, ...said };
  });
  outcome.catch(() => {}); // whoever waits for it hears of it

  return {
    process: child,
    said,
    outcome,
    wrote: text =>
      until(
        () => ({ ...said, ended: child.exitCode }),
        ({ stdout, ended }) => {
          if (ended !== null && !stdout.includes(text))
            throw new Error(`ended early with ${ended}: ${JSON.stringify(said)}`);
          return stdout.includes(text);
        },
        15_000,
      ),
    tell: line => void child.stdin.write(`${line}\n`),
  };
}

/** A port that was free a moment ago. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const server = net.createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
}

/** One request, on a connection of its own unless an agent is given. */
export async function ask(
  url: string,
  { method = 'GET', path, headers = {}, agent = new Agent() }: Asking = {},
): Promise<Answer> {
  const sent = request(url, { method, headers, agent, ...(path === undefined ? {} : { path }) }).end();
  const [response] = await once(sent, 'response');
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk;
  return { status: response.statusCode, headers: response.headers, body };
}

/** The answer of a server that is only just starting. */
export async function askUntilAnswered(url: string): Promise<Answer> {
  const answer = await until(
    () => ask(url).catch(() => undefined),
    answered => answered !== undefined,
    15_000,
  );
  return answer as Answer;
}

/** Whether anybody listens there. */
export async function isServed(port: number, host = '127.0.0.1'): Promise<boolean> {
  const socket = net.connect(port, host);
  const answer = await new Promise<boolean>(resolve => {
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
  });
  socket.destroy();
  return answer;
}
