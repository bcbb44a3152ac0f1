import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { ListenRequest, ServerAddress } from './server.ts';
import type { WORK } from './worker.ts';

type Work = typeof WORK;

const HERE = import.meta.dirname;
/** Node 24.2 warns about TypeScript files. */
const QUIET = '--disable-warning=ExperimentalWarning';

/** Runs work in a child process and returns its result. Rejects if the process fails. */
export async function inChildProcess<Kind extends keyof Work>(
  kind: Kind,
  task: Parameters<Work[Kind]>[0],
  node: readonly string[] = [],
): Promise<Awaited<ReturnType<Work[Kind]>>> {
  const child = fork(`${HERE}/worker.ts`, { execArgv: [QUIET, '--expose-gc', ...node] });
  child.send({ kind, task });
  const result = once(child, 'message');
  const ended = once(child, 'exit');
  return Promise.race([
    result.then(([message]) => ended.then(() => message)),
    ended.then(([code]) => {
      if (code !== 0) throw new Error(`${kind} ended with ${code}: ${JSON.stringify(task)}`);
      return result.then(([message]) => message);
    }),
  ]);
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
