import { once } from 'node:events';
import net from 'node:net';
import { onTestFinished } from 'vitest';
import { programPath, start } from './child.ts';

/**
 * Ports on 127.0.0.1 where a connect gets no answer, until the test ends. Nothing accepts there, and the queues are full, so
 * Linux drops further attempts. Call it before connmeter starts, because it fills the queues from this process.
 */
export async function blackHoles(count: number): Promise<number[]> {
  const program = start(programPath('full-servers.ts'), { args: [count] });
  await program.printed(']\n');
  const ports = JSON.parse(program.said.stdout) as number[];
  for (const port of ports) await fillQueue(port);
  return ports;
}

/** A queue for one connection takes two. The third gets no answer. */
async function fillQueue(port: number): Promise<void> {
  const sockets = [1, 2, 3].map(() => net.connect(port, '127.0.0.1').on('error', () => {}));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.slice(0, 2).map(socket => once(socket, 'connect')));
}
