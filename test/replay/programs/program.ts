// What the recorded programs share.
import { fork } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { Wishes } from './world.ts';

export interface World {
  /** Starts a server, or something else that the program talks to, and returns its port. */
  start<Kind extends keyof Wishes>(kind: Kind, wish: Wishes[Kind]): Promise<number>;
  /** What the recording calls this address, because ports differ from run to run. */
  callIt(port: number, name: string, address?: string): void;
}

export interface Program {
  /** How long it is recorded, in seconds. */
  readonly seconds: number;
  /** How long its start takes, in seconds. Replays of a long life repeat what comes after it. */
  readonly warmUp: number;
  /** Environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Runs until the process is killed. */
  run(world: World): Promise<void>;
}

export function world(): World {
  const child = fork(new URL('./world.ts', import.meta.url).pathname, { execArgv: [] });
  let last = 0;
  return {
    start(kind, wish) {
      const id = ++last;
      return new Promise(resolve => {
        child.on('message', (answer: { id: number; port: number }) => {
          if (answer.id === id) resolve(answer.port);
        });
        child.send({ id, kind, wish });
      });
    },
    callIt(port, name, address = '127.0.0.1') {
      process.stdout.write(`${JSON.stringify({ address, port, name })}\n`);
    },
  };
}

/** Calls a function at random moments, that often per second on average. It does not wait for the last call. */
export function often(perSecond: number, call: () => Promise<unknown>): void {
  let due = performance.now();
  const next = () => {
    call().catch(() => {});
    due += (-Math.log(1 - Math.random()) * 1_000) / perSecond;
    setTimeout(next, Math.max(0, due - performance.now())); // a busy machine makes timers late, but not fewer
  };
  setTimeout(next, (Math.random() * 1_000) / perSecond);
}

/** Calls a function again and again, with pauses in between. */
export async function repeat(milliseconds: () => number, call: () => Promise<unknown>): Promise<void> {
  for (;;) {
    await call().catch(() => {});
    await pause(milliseconds());
  }
}

export const between = (low: number, high: number) => low + Math.random() * (high - low);
