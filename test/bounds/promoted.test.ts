// A closed connection must not wait for a full garbage collection: in a program that opens many, that doubles the heap.
import { expect, test } from 'vitest';
import type { PromotedTask } from './programs/promoted.ts';
import { runProgram } from './run-program.ts';

/** Enough young space for a few thousand connections, and so much old space that it is never collected. */
const NODE = ['--min-semi-space-size=2', '--max-semi-space-size=2', '--initial-old-space-size=1024'];

test.for<PromotedTask>(['net', 'http', 'undici', 'undici-tls', 'server'])(
  'closed connections are freed with the young objects: %s',
  async task => {
    // Those that are open when young objects are collected, and the last hundred. With maps that are not renewed: 546 to 1,275.
    expect(await runProgram<number>('promoted.ts', task, NODE)).toBeLessThan(400);
  },
);
