// client.ts <task>: the measured program. Runs the jobs of a soak, then reports what connmeter and the program itself
// counted. Runs with --expose-gc, in its own network namespace.
import { once } from 'node:events';
import { kernelCounts } from './kernel.ts';
import type { ClientReport, ClientTask } from './plan.ts';
import { Scrapes } from './scrapes.ts';
import { notZero, openIn } from './seen-values.ts';
import { settled } from './settled.ts';
import { Workload } from './workload.ts';

const before = kernelCounts();
const scrapes = new Scrapes();
const workload = new Workload(JSON.parse(process.argv[2] as string) as ClientTask);
await workload.run(() => scrapes.read());
process.send?.('idle');
await once(process, 'message'); // the servers have closed their connections, too
const leftOpen = () => Object.values(workload.result().neverClosed).reduce((sum, count) => sum + count, 0);
let metrics = await scrapes.read();
await settled(async () => {
  globalThis.gc?.();
  metrics = await scrapes.read();
  return openIn(metrics) === leftOpen() && notZero(metrics).length === 0 && kernelCounts().held === before.held;
});

const { warnings, values } = scrapes;
const report: ClientReport = {
  ...workload.result(),
  metrics,
  warnings,
  impossible: values.impossible,
  most: values.most,
  scrapes: scrapes.done,
  series: scrapes.series,
  kernel: { before, after: kernelCounts() },
};
process.send?.(report, () => process.exit());
