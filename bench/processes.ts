import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ListenRequest, ServerAddress } from './server.ts';
import type { Figures } from './turns.ts';
import type { TURNS, WORK } from './worker.ts';

type Work = typeof WORK;
type Turns = typeof TURNS;

const HERE = import.meta.dirname;
/** Node 24.2 warns about TypeScript files. */
const QUIET = '--disable-warning=ExperimentalWarning';

/** Runs work in a child process and returns its result. Rejects if the process fails. */
export async function inChildProcess<Kind extends keyof Work>(
  kind: Kind,
  task: Parameters<Work[Kind]>[0],
  node: readonly string[] = [],
): Promise<Awaited<ReturnType<Work[Kind]>>> {
  const child = new Worker(kind, task, node);
  const result = await child.answer();
  await child.ended;
  return result as Awaited<ReturnType<Work[Kind]>>;
}

/** Runs work in a child process that waits after each part of it, until the next one is asked for. Throws if the process fails. */
export async function* turnsOfChildProcess<Kind extends keyof Turns>(
  kind: Kind,
  task: Parameters<Turns[Kind]>[0],
): AsyncGenerator<Figures> {
  const child = new Worker(kind, task, []);
  try {
    for (;;) {
      child.send('next');
      const { value, done } = (await child.answer()) as IteratorResult<Figures>;
      if (done === true) return;
      yield value;
    }
  } finally {
    child.stop();
    await child.ended;
  }
}

/** A process that runs `worker.ts`. */
class Worker {
  readonly #child: ChildProcess;
  readonly #kind: string;
  readonly #task: unknown;
  /** Its exit code. */
  readonly ended: Promise<unknown>;

  constructor(kind: string, task: unknown, node: readonly string[]) {
    this.#child = fork(`${HERE}/worker.ts`, { execArgv: [QUIET, '--expose-gc', ...node] });
    this.#kind = kind;
    this.#task = task;
    this.ended = once(this.#child, 'exit').then(([code]) => code);
    this.send({ kind, task });
  }

  send(message: object | string): void {
    this.#child.send(message);
  }

  /** Its next message. Rejects if it ends first. */
  async answer(): Promise<unknown> {
    const failed = this.ended.then(code => {
      throw new Error(`${this.#kind} ended with ${code}: ${JSON.stringify(this.#task)}`);
    });
    const [message] = await Promise.race([once(this.#child, 'message'), failed]);
    return message;
  }

  stop(): void {
    this.#child.kill();
  }
}

/** The server's process. Each call listens on a new loopback address, so that no run is short of ports. */
export class ServerProcess {
  readonly #child: ChildProcess = fork(`${HERE}/server.ts`, { execArgv: [QUIET] });
  #places = 0;

  async listen(kind: ListenRequest['kind']): Promise<ServerAddress> {
    const place = ++this.#places;
    this.#child.send({ kind, host: `127.77.${place >> 7}.${(place & 127) + 1}` } satisfies ListenRequest);
    const [answer] = await once(this.#child, 'message');
    return answer as ServerAddress;
  }

  stop(): void {
    this.#child.kill();
  }
}
