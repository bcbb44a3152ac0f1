import { setTimeout as pause } from 'node:timers/promises';
import { CLIENTS, type Operation } from './clients.ts';
import type { ServerAddress } from './server.ts';
import { type Observer, VARIANTS, type VariantName } from './variants.ts';
import type { Workload } from './workloads.ts';

export interface TrafficTask extends Pick<Workload, 'client' | 'atOnce' | 'young' | 'warmUp' | 'times'> {
  readonly variant: VariantName;
  readonly address: ServerAddress;
}

/** Microseconds of CPU time per operation: of the first ones of the process, and after the warm-up. */
export interface TrafficResult {
  readonly young: number;
  readonly warm: number;
}

/** After the warm-up. */
const TURNS = 10;

/** Runs one client with a variant, and measures the CPU time of the process. */
export async function* traffic({
  client,
  variant,
  address,
  atOnce,
  young,
  warmUp,
  times,
}: TrafficTask): AsyncGenerator<Partial<TrafficResult>> {
  const { perRequest, counted }: Observer = await VARIANTS[variant].start();
  const doing = await CLIENTS[client](address);
  const each: Operation = perRequest === undefined ? doing : () => doing().then(perRequest);

  yield { young: await timed(each, young, atOnce) };
  await inParallel(each, warmUp - young, atOnce);
  yield {};
  // No forced collection before it, which would discard optimised code.
  for (let turn = 0; turn < TURNS; turn++) yield { warm: await timed(each, times / TURNS, atOnce) };

  if (counted !== undefined) await seen(counted, warmUp + times);
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
  const before = cpuTime();
  await inParallel(doing, times, atOnce);
  return (cpuTime() - before) / times;
}

/** Of this process, so far, in microseconds. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
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
