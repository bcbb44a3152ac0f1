// many-processes.ts <url> <workers> [primary]: a cluster whose workers, and a thread in each, request the URL, each time on a new connection.
// With `primary`, the primary is the first that is measured. Reads commands from standard input: `burst <n>` prints "burst done" when each of them has had n responses; `kill` ends one worker with
// SIGKILL and prints "killed" when another one has taken its place; `stop` and `continue` suspend one; `end` ends the cluster.
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { isMainThread, parentPort, Worker as Thread, workerData } from 'node:worker_threads';

const [url = '', count, primary] = isMainThread ? process.argv.slice(2) : [workerData as string];

async function burst(requests: number): Promise<void> {
  for (let i = 0; i < requests; i++) {
    const [response] = (await once(http.get(url, { agent: false }), 'response')) as [http.IncomingMessage];
    await once(response.resume(), 'close');
  }
}

async function startWorker(): Promise<Worker> {
  const worker = cluster.fork();
  await once(worker, 'message');
  return worker;
}

if (!isMainThread) {
  parentPort?.on('message', async requests => {
    await burst(requests);
    parentPort?.postMessage('done');
  });
  parentPort?.postMessage('ready');
} else if (cluster.isPrimary) {
  if (primary) await once(http.createServer().listen(0, '127.0.0.1').unref(), 'listening');
  const workers = await Promise.all(Array.from({ length: Number(count) }, startWorker));
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, requests] = line.split(' ');
    if (command === 'burst') {
      for (const worker of workers) worker.send(Number(requests));
      await Promise.all(workers.map(worker => once(worker, 'message')));
      console.log('burst done');
    } else if (command === 'kill') {
      const victim = workers.shift() as Worker;
      victim.process.kill('SIGKILL');
      await once(victim, 'exit');
      workers.push(await startWorker());
      console.log('killed');
    } else if (command === 'stop') {
      workers.at(-1)?.process.kill('SIGSTOP');
      console.log('stopped');
    } else if (command === 'continue') {
      workers.at(-1)?.process.kill('SIGCONT');
    } else {
      for (const worker of workers) worker.disconnect();
      process.stdin.destroy();
      break;
    }
  }
} else {
  const thread = new Thread(new URL(import.meta.url), { workerData: url });
  await once(thread, 'message');
  process.on('message', async (requests: number) => {
    thread.postMessage(requests);
    await Promise.all([burst(requests), once(thread, 'message')]);
    process.send?.('done');
  });
  process.once('disconnect', () => void thread.terminate());
  process.send?.('ready');
}
