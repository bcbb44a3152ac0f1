import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { RUN_ID } from './variants.ts';

/** The result of a run of a suite, and its output. */
export interface SuiteRun {
  readonly code: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** Number of processes that the suite left running, and that were killed. */
  readonly leftRunning: number;
}

export interface Suite {
  readonly words: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Maximum duration, and maximum time without output. */
  readonly seconds: number;
  readonly idleSeconds: number;
}

/** Functions that end running suites if this process is terminated. */
const running = new Set<() => void>();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const end of running) end();
    process.exit(130);
  });
}

/** Runs the suite once in its own process group, and kills all its processes at the end. */
export async function runSuite({ words, folder, env, seconds, idleSeconds }: Suite): Promise<SuiteRun> {
  const [first = '', ...rest] = words;
  const shell = rest.length === 0 && /\s/.test(first);
  const began = performance.now();
  const child = spawn(first, rest, { cwd: folder, env, shell, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const mark = env[RUN_ID] ?? '';
  const said = { stdout: '', stderr: '' };
  let timedOut = false;
  const giveUp = () => {
    timedOut = true;
    endAll(child.pid, mark);
  };
  const timer = setTimeout(giveUp, seconds * 1000);
  const idle = setTimeout(giveUp, idleSeconds * 1000);
  child.stdout.setEncoding('utf8').on('data', text => {
    said.stdout += text;
    idle.refresh();
  });
  child.stderr.setEncoding('utf8').on('data', text => {
    said.stderr += text;
    idle.refresh();
  });
  const end = () => void endAll(child.pid, mark);
  running.add(end);

  const ended = await new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      // Remaining processes may keep the pipes open for ever.
      const waiting = setTimeout(() => endAll(child.pid, mark), 2_000);
      child.on('close', () => {
        clearTimeout(waiting);
        resolve({ code, signal });
      });
    });
  }).finally(() => {
    clearTimeout(timer);
    clearTimeout(idle);
  });
  running.delete(end);
  const leftRunning = endAll(child.pid, mark);
  return { ...ended, timedOut, ...said, seconds: (performance.now() - began) / 1000, leftRunning };
}

/** Kills the group and all marked processes that have left it. Returns the number of marked processes. */
function endAll(group: number | undefined, mark: string): number {
  const marked = processesWith(mark);
  if (group !== undefined) kill(-group);
  for (const pid of marked) kill(pid);
  return marked.length;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has already exited.
  }
}

/** Without /proc, only the group is known. */
function processesWith(mark: string): number[] {
  const entry = `${RUN_ID}=${mark}`;
  try {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
      .filter(name => environmentOfProcess(name).includes(entry))
      .map(Number);
  } catch {
    return [];
  }
}

function environmentOfProcess(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return []; // exited, or owned by another user
  }
}
