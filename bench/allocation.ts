import { setImmediate as nextRound } from 'node:timers/promises';
import { countCollections } from './gc-counts.ts';
import { REUSED_CONNECTIONS, type ReusedClient } from './replayed-clients.ts';
import { VARIANTS, type VariantName } from './variants.ts';

export interface AllocationTask {
  readonly client: ReusedClient;
  readonly variant: VariantName;
  readonly requests: number;
}

export interface AllocationResult {
  /** Garbage collections during the requests. */
  readonly collections: number;
  /** Heap growth per request in bytes, including garbage (exact only without collections). */
  readonly allocated: number;
  /** Total heap growth in bytes after a full collection. */
  readonly kept: number;
}

/** A semi-space of 1 MiB: one byte per request for a million requests would fill it. */
export const ALLOCATION_NODE = ['--min-semi-space-size=1', '--max-semi-space-size=1'];

const WARM_UP = 300_000;

/** Replays requests on a reused connection, and measures the allocations. */
export async function allocation({ client, variant, requests }: AllocationTask): Promise<AllocationResult> {
  await VARIANTS[variant].start();
  const collections = countCollections();
  const request = REUSED_CONNECTIONS[client].open();
  await nextRound();
  for (let i = 0; i < WARM_UP; i++) request();

  globalThis.gc?.();
  const before = await collections();
  const empty = process.memoryUsage().heapUsed;
  for (let i = 0; i < requests; i++) request();
  const full = process.memoryUsage().heapUsed;
  const after = await collections();
  globalThis.gc?.();
  const kept = process.memoryUsage().heapUsed - empty;
  return {
    collections: after.minor + after.major - before.minor - before.major,
    allocated: (full - empty) / requests,
    kept,
  };
}
