// worker-threads.ts <url> <count>: that many worker threads request the URL, half of them started by another worker, while the
// main thread runs a server. Prints "ready" when they have finished, and exits when it reads a line.
import { once } from 'node:events';
import net from 'node:net';
import { isMainThread, Worker, workerData } from 'node:worker_threads';

const { url, more } = isMainThread
  ? { url: process.argv[2] as string, more: Number(process.argv[3]) }
  : (workerData as { url: string; more: number });

async function inWorkers(counts: number[]) {
  const workers = counts.map(count => new Worker(new URL(import.meta.url), { workerData: { url, more: count } }));
  await Promise.all(workers.map(worker => once(worker, 'exit')));
}

if (isMainThread) {
  net.createServer().listen(0, '127.0.0.1').unref();
  const nested = Math.floor(more / 2);
  await inWorkers([nested, ...Array<number>(more - nested - 1).fill(0)]);
  console.log('ready');
  await once(process.stdin, 'data');
  process.stdin.destroy();
} else {
  await (await fetch(url, { headers: { connection: 'close' } })).text();
  await inWorkers(Array<number>(more).fill(0));
}
