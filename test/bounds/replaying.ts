import { fileURLToPath } from 'node:url';
import { start } from '../support/child.ts';
import type { STORMS } from './programs/storms.ts';

export interface Task {
  readonly storm: keyof typeof STORMS;
  readonly measured: boolean;
}

export interface Outcome {
  readonly times: number;
  /** What the heap holds more than before, in bytes. */
  readonly grown: number;
  readonly series: number;
  /** Series of the origin that has the most. */
  readonly seriesOfBusiest: number;
  readonly opened: number;
  readonly closed: number;
  readonly failed: number;
  readonly requests: number;
  readonly failedLookups: number;
  /** Gauges that are not zero in the end. */
  readonly notZero: readonly string[];
  readonly faults: readonly string[];
}

const PROGRAM = fileURLToPath(new URL('./programs/replay.ts', import.meta.url));

async function run(task: Task): Promise<Outcome> {
  const { outcome } = start(PROGRAM, { args: [JSON.stringify(task)], node: ['--expose-gc'] });
  const { code, stdout, stderr } = await outcome;
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Outcome;
}

/** A storm with connmeter, and what it takes more than the same without: `ours`, in bytes. */
export async function weather(storm: Task['storm']): Promise<Outcome & { ours: number }> {
  const [without, outcome] = [await run({ storm, measured: false }), await run({ storm, measured: true })];
  return { ...outcome, ours: outcome.grown - without.grown };
}
