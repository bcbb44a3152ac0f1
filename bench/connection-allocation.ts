import { setImmediate as nextRound } from 'node:timers/promises';
import { CONNECTIONS, type ReplayedConnection } from './replayed-clients.ts';
import { VARIANTS, type VariantName } from './variants.ts';

export interface ConnectionAllocationTask {
  readonly client: ReplayedConnection;
  readonly variant: VariantName;
}

export interface ConnectionAllocationResult {
  /** Bytes that are allocated per connection, garbage included. */
  readonly allocated: number;
}

/** Room for everything, so that no garbage is collected meanwhile. */
export const CONNECTION_ALLOCATION_NODE = ['--min-semi-space-size=256', '--max-semi-space-size=256'];

const WARM_UP = 60_000;
const MEASURED = 20_000;
/** How many connections are open at a time. */
const AT_ONCE = 10;

/** Replays whole connections with one request each, and measures what they allocate. */
export async function connectionAllocation({
  client,
  variant,
}: ConnectionAllocationTask): Promise<ConnectionAllocationResult> {
  await VARIANTS[variant].start();
  const { make, steps } = CONNECTIONS[client];
  const replay = async (times: number) => {
    for (let done = 0; done < times; done += AT_ONCE) {
      const lives = Array.from({ length: AT_ONCE }, () => make('a.test'));
      for (const { play } of steps) for (const life of lives) play(life as never);
      await nextRound();
    }
  };
  await replay(WARM_UP);
  globalThis.gc?.();
  const empty = process.memoryUsage().heapUsed;
  await replay(MEASURED);
  return { allocated: (process.memoryUsage().heapUsed - empty) / MEASURED };
}
