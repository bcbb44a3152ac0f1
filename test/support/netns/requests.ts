import type http from 'node:http';
import type net from 'node:net';

/** Reads the response of a node:http or node:https request to its end. */
export function readToEnd(request: http.ClientRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    request.on('error', reject).on('response', answer => answer.on('error', reject).on('end', resolve).resume());
  });
}

/** Sends one word to an echo server, and waits for the close. */
export function echoOnce(socket: net.Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket
      .on('connect', () => socket.end('hello'))
      .on('error', reject)
      .on('close', () => resolve())
      .resume();
  });
}

/** Runs all jobs, `atOnce` at a time, and returns the number of jobs by outcome. */
export async function runAll<T>(jobs: (() => Promise<T>)[], atOnce: number, endingOf: (error: unknown) => string) {
  const endings: Record<string, number> = {};
  const waiting = [...jobs];
  const worker = async () => {
    for (let run = waiting.pop(); run !== undefined; run = waiting.pop()) {
      const ending = await run().then(() => 'ok', endingOf);
      endings[ending] = (endings[ending] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return endings;
}

/** Shuffles items, in the same order every time. */
export function shuffled<T>(items: readonly T[]): T[] {
  let state = 1;
  const keyed = items.map(item => {
    state = (state * 48_271) % 2_147_483_647;
    return { item, key: state };
  });
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
