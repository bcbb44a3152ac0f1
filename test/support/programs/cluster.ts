// cluster.ts <url> <count> [preload]: starts cluster workers, with the preload, that request the URL. Prints "ready" when
// all have finished, and exits when it reads a line.
import cluster from 'node:cluster';
import { once } from 'node:events';

const [url = '', count, preload] = process.argv.slice(2);
if (cluster.isPrimary) {
  if (preload) cluster.setupPrimary({ execArgv: [...process.execArgv, '--import', preload] });
  const workers = Array.from({ length: Number(count) }, () => cluster.fork());
  await Promise.all(workers.map(worker => once(worker, 'message')));
  console.log('ready');
  await once(process.stdin, 'data');
  process.stdin.destroy();
  for (const worker of workers) worker.disconnect();
} else {
  await (await fetch(url, { headers: { connection: 'close' } })).text();
  process.send?.('asked');
}
