// Starts servers for a program in a namespace, each in its own process in the same namespace.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Seen, Server, ServerOptions } from '../server.ts';

export interface RunningServer extends Pick<Server, 'port' | 'seen' | 'drop'> {
  end(): void;
}

export async function serve(options: ServerOptions): Promise<RunningServer> {
  const child = fork(fileURLToPath(new URL('../server-process.ts', import.meta.url)), [
    JSON.stringify({ host: '127.0.0.1', ...options }),
  ]);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const ask = async (question: 'seen' | 'drop') => {
    child.send(question);
    const [seen] = (await once(child, 'message')) as [Seen];
    return seen;
  };
  return { port, seen: () => ask('seen'), drop: () => ask('drop'), end: () => void child.kill() };
}
