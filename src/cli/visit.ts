import type { Overview } from '../explain/overview.ts';
import { onMessages, send } from '../register/processes/frames.ts';
import { meetingFolder } from '../register/processes/meeting-place.ts';
import type { FromHolder } from '../register/processes/messages.ts';

const { readdirSync } = process.getBuiltinModule('node:fs');
const net = process.getBuiltinModule('node:net');
const { join } = process.getBuiltinModule('node:path');

const TIMEOUT = 3_000;

interface Answer {
  readonly pids: readonly number[];
  readonly overview: Overview;
}

/**
 * Finds a service of this user whose processes share a port, through the Unix socket at which they meet: the one with this process, or the
 * only one. Returns how to read it; undefined if there is none.
 */
export async function visit(pid: number | undefined): Promise<(() => Promise<Overview>) | undefined> {
  const answers = await Promise.all(sockets().map(async path => ({ path, answer: await ask(path) })));
  const found = answers.filter(
    ({ answer }) => answer !== undefined && (pid === undefined || answer.pids.includes(pid)),
  );
  const [first] = found;
  if (first === undefined) return undefined;

  return async () => {
    const answer = await ask(first.path);
    if (answer === undefined) throw new Error('it has ended');
    return answer.overview;
  };
}

function sockets(): string[] {
  const uid = process.getuid?.();
  if (uid === undefined) return [];

  const folder = meetingFolder(uid);
  try {
    return readdirSync(folder)
      .filter(name => name.endsWith('.sock'))
      .map(name => join(folder, name));
  } catch {
    return []; // no service has run yet
  }
}

function ask(path: string): Promise<Answer | undefined> {
  return new Promise(resolve => {
    const socket = net.connect(path);
    socket.setTimeout(TIMEOUT, () => socket.destroy());
    socket.on('connect', () => void send(socket, { type: 'visit' }));
    socket.on('close', () => resolve(undefined));
    onMessages(
      socket,
      (_where, run) => run,
      (message: FromHolder) => {
        if (message.type === 'overview') resolve(message);
        socket.end();
      },
    );
  });
}
