import { setTimeout as pause } from 'node:timers/promises';
import { CLIENTS, type Operation } from './clients.ts';
import { countCollections } from './gc-counts.ts';
import type { ServerAddress } from './server.ts';
import { type Observer, VARIANTS, type VariantName } from './variants.ts';
import type { Workload } from './workloads.ts';

export interface TrafficTask extends Pick<Workload, 'client' | 'atOnce' | 'warmUp' | 'times'> {
  readonly variant: VariantName;
  readonly address: ServerAddress;
}

export interface TrafficResult {
  /** Microseconds of CPU time each, once warm; and before that, in the first that the process did. */
  readonly warm: number;
  readonly cold: number;
  /** How often new objects were collected in the measured part. */
  readonly minor: number;
}

/** One client: does its work with somebody looking on, and says what CPU time that took the process. */
export async function traffic({
  client,
  variant,
  address,
  atOnce,
  warmUp,
  times,
}: TrafficTask): Promise<TrafficResult> {
  const collections = countCollections();
  const { perRequest, counted }: Observer = await VARIANTS[variant].start();
  const doing = await CLIENTS[client](address);
  const each: Operation = perRequest === undefined ? doing : () => doing().then(perRequest);

  const cold = await timed(each, warmUp, atOnce);
  const before = await collections();
  const warm = await timed(each, times, atOnce); // no collection before it: that would throw warm code away
  const after = await collections();

  if (counted !== undefined) await seen(counted, warmUp + times);
  return { warm, cold, minor: after.minor - before.minor };
}

/** Does it so many times, so many at once. */
export async function inParallel(doing: Operation, times: number, atOnce: number): Promise<void> {
  let left = times;
  const repeat = async () => {
    while (left-- > 0) await doing();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, repeat));
}

/** The same; microseconds of the process's CPU time for each. */
async function timed(doing: Operation, times: number, atOnce: number): Promise<number> {
  const before = process.cpuUsage();
  await inParallel(doing, times, atOnce);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

/** An onlooker that was not at work measures nothing: it must have counted what was done, maybe a moment late. */
async function seen(counted: () => Promise<number>, expected: number): Promise<void> {
  let count = await counted();
  for (let tries = 0; count !== expected && tries < 50; tries++) {
    await pause(10);
    count = await counted();
  }
  if (count !== expected) throw new Error(`${count} of ${expected} were counted: this measures something else`);
}
