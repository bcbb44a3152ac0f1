// replay-workload.ts <task>: replays one workload with connmeter and a real SDK, or without them to measure what the workload
// takes by itself. Runs in its own process with --expose-gc, for a clean heap.
import { Scrapes } from '../../soak/scrapes.ts';
import { notZero, total } from '../../soak/seen-values.ts';
import type { Outcome, Task } from '../replay-workload.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const { workload, measured } = JSON.parse(process.argv[2] as string) as Task;
const { times, each }: Workload = WORKLOADS[workload];
const scrapes = measured ? new Scrapes() : undefined;

const round = () => new Promise<void>(resolve => void setImmediate(resolve));

async function heapUsed(): Promise<number> {
  await scrapes?.read();
  for (let i = 0; i < 3; i++) {
    (globalThis.gc as () => void)();
    await round();
  }
  return process.memoryUsage().heapUsed;
}

const before = await heapUsed();
for (let i = 0; i < times; i++) {
  each(i);
  if (i % 20 === 19) await Promise.resolve(); // ends the turn
  if (i % 2_000 === 1_999) await round();
  if (i % Math.ceil(times / 10) === 0) await scrapes?.read();
}
for (let i = 0; i < 5; i++) await round();
const grown = (await heapUsed()) - before;

const metrics = (await scrapes?.read()) ?? {};
const outcome: Outcome = {
  times,
  grown,
  series: scrapes?.series ?? 0,
  seriesOfBusiest: Math.max(0, ...(scrapes?.perOrigin.values() ?? [])),
  opened: total(metrics, 'connmeter.connection.opened'),
  closed: total(metrics, 'connmeter.connection.closed'),
  failed: total(metrics, 'connmeter.connection.failed'),
  requests: total(metrics, 'connmeter.requests'),
  failedLookups: total(metrics, 'dns.lookup.duration'),
  notZero: notZero(metrics),
  faults: [...(scrapes?.warnings ?? []), ...(scrapes?.values.impossible ?? [])],
};
process.stdout.write(JSON.stringify(outcome), () => process.exit());
