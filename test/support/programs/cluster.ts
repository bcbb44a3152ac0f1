// cluster.ts <url> <count> [preload]: so many cluster workers, with the preload, ask the url; says "ready" when they
// have, and ends with them when it is told to.
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
