import type { WORKLOADS } from './programs/workloads.ts';
import { runProgram } from './run-program.ts';

export interface Task {
  readonly workload: keyof typeof WORKLOADS;
  readonly measured: boolean;
}

export interface Outcome {
  readonly times: number;
  /** Heap growth in bytes. */
  readonly grown: number;
  readonly series: number;
  /** Series count of the origin with the most series. */
  readonly seriesOfBusiest: number;
  readonly opened: number;
  readonly closed: number;
  readonly failed: number;
  readonly requests: number;
  readonly failedLookups: number;
  /** Gauges that are not zero at the end. */
  readonly notZero: readonly string[];
  readonly faults: readonly string[];
}

const run = (task: Task) => runProgram<Outcome>('replay-workload.ts', task);

/** Replays a workload with and without connmeter; `ownHeap` is the difference in heap growth, in bytes. */
export async function replayWorkload(workload: Task['workload']): Promise<Outcome & { ownHeap: number }> {
  const [without, outcome] = [await run({ workload, measured: false }), await run({ workload, measured: true })];
  return { ...outcome, ownHeap: outcome.grown - without.grown };
}
