// service.ts <tasks>: the measured program of a soak with everything, started with connmeter/register: a cluster with a worker
// for each task, each of which has a worker thread with jobs of its own. Tells its parent when all jobs are over, and their results.
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker as Thread } from 'node:worker_threads';
import type { ClientTask, WorkloadResult } from './plan.ts';
import { together, Workload } from './workload.ts';

async function primary(tasks: readonly ClientTask[]): Promise<void> {
  const workers = tasks.map(task => cluster.fork({ SOAK_TASK: JSON.stringify(task) }));
  cluster.on('exit', () => process.exit(1));
  const answers = <Answer>() =>
    Promise.all(workers.map(worker => once(worker, 'message').then(([said]) => said as Answer)));
  await answers();
  process.send?.('idle');
  await once(process, 'message');
  const results = answers<WorkloadResult>();
  for (const worker of workers) (worker as Worker).send('report');
  process.send?.(together(await results));
}

async function worker(task: ClientTask): Promise<void> {
  const { plan } = task;
  const ofThread: ClientTask = { ...task, plan: { ...plan, seed: plan.seed + 1_000, rate: plan.rate / 4 } };
  const thread = new Thread(fileURLToPath(new URL('./service-thread.ts', import.meta.url)), { workerData: ofThread });
  thread.on('error', error => {
    throw error;
  });
  const threadIsIdle = once(thread, 'message');
  const workload = new Workload(task);
  await Promise.all([workload.run(), threadIsIdle]);
  process.send?.('idle');
  await once(process, 'message');
  const told = once(thread, 'message');
  thread.postMessage('report');
  const [result] = (await told) as [WorkloadResult];
  process.send?.(together([workload.result(), result]));
}

process.on('disconnect', () => process.exit());
const { SOAK_TASK } = process.env;
if (SOAK_TASK === undefined) await primary(JSON.parse(process.argv[2] as string) as ClientTask[]);
else await worker(JSON.parse(SOAK_TASK) as ClientTask);
