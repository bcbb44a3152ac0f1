import type { Socket } from 'node:net';

/** Speaks just enough of the Redis protocol for a client: `+PONG` to PING, `+OK` to everything else. */
export function serveRedis(socket: Socket, onCommand: () => void): void {
  let text = '';
  socket.on('data', chunk => {
    text += chunk;
    for (let command = firstCommand(text); command !== undefined; command = firstCommand(text)) {
      text = text.slice(command.length);
      onCommand();
      socket.write(command.name === 'ping' ? '+PONG\r\n' : '+OK\r\n');
    }
  });
}

/** A command is `*<count>` followed by as many pairs of `$<length>` and word. Returns undefined while it is incomplete. */
function firstCommand(text: string): { name: string; length: number } | undefined {
  const [head, ...rest] = text.split('\r\n');
  const lines = rest.slice(0, 2 * Number(head?.slice(1)));
  if (!head?.startsWith('*') || rest.length <= lines.length || lines.length < 2 * Number(head.slice(1)))
    return undefined;

  const length = [head, ...lines].reduce((sum, line) => sum + line.length + 2, 0);
  return { name: (lines[1] ?? '').toLowerCase(), length };
}
