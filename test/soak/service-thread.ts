// A worker thread of service.ts: runs jobs, says when they are over, and reports when it is asked.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import type { ClientTask } from './plan.ts';
import { Workload } from './workload.ts';

const workload = new Workload(workerData as ClientTask);
await workload.run();
parentPort?.postMessage('idle');
if (parentPort !== null) await once(parentPort, 'message');
parentPort?.postMessage(workload.result());
