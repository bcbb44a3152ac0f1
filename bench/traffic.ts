import { setTimeout as pause } from 'node:timers/promises';
import { CLIENTS, type Operation } from './clients.ts';
import { countCollections } from './gc-counts.ts';
import type { ServerAddress } from './server.ts';
import { spreadOf } from './statistics.ts';
import { type Observer, VARIANTS, type VariantName } from './variants.ts';
import type { Workload } from './workloads.ts';

export interface TrafficTask extends Pick<Workload, 'client' | 'atOnce' | 'young' | 'warmUp' | 'times'> {
  readonly variant: VariantName;
  readonly address: ServerAddress;
}

export interface TrafficResult {
  /** Microseconds of CPU time per operation: of the first ones of the process, and after the warm-up. */
  readonly young: number;
  readonly warm: number;
  /** Minor garbage collections in the measured part. */
  readonly minor: number;
}

/** The measured operations are timed in so many blocks, and the quarter of them counts that other programs disturbed least. */
const BLOCKS = 10;

/** Runs one client with a variant, and measures the CPU time of the process. */
export async function traffic({
  client,
  variant,
  address,
  atOnce,
  young,
  warmUp,
  times,
}: TrafficTask): Promise<TrafficResult> {
  const collections = countCollections();
  const { perRequest, counted }: Observer = await VARIANTS[variant].start();
  const doing = await CLIENTS[client](address);
  const each: Operation = perRequest === undefined ? doing : () => doing().then(perRequest);

  const first = await timed(each, young, atOnce);
  await inParallel(each, warmUp - young, atOnce);
  const before = await collections();
  // No forced collection before it, which would discard optimised code.
  const blocks: number[] = [];
  for (let block = 0; block < BLOCKS; block++) blocks.push(await timed(each, times / BLOCKS, atOnce));
  const after = await collections();

  if (counted !== undefined) await seen(counted, warmUp + times);
  return { young: first, warm: spreadOf(blocks).low, minor: after.minor - before.minor };
}

/** Runs an operation `times` times, `atOnce` in parallel. */
export async function inParallel(doing: Operation, times: number, atOnce: number): Promise<void> {
  let left = times;
  const repeat = async () => {
    while (left-- > 0) await doing();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, repeat));
}

/** The same; returns the microseconds of CPU time per operation. */
async function timed(doing: Operation, times: number, atOnce: number): Promise<number> {
  const before = process.cpuUsage();
  await inParallel(doing, times, atOnce);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

/** Waits until the observer has counted all operations; fails otherwise, because it was not active. */
async function seen(counted: () => Promise<number>, expected: number): Promise<void> {
  let count = await counted();
  for (let tries = 0; count !== expected && tries < 50; tries++) {
    await pause(10);
    count = await counted();
  }
  if (count !== expected) throw new Error(`${count} of ${expected} were counted: this measures something else`);
}
