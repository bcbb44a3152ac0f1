// threads-on-command.ts <url>: starts worker threads that request the URL, one for each line of standard input: `<times> <what>
// [<after>]`. `what`: `closing` makes <times> requests, each on a new connection; `kept` makes them on one; `bare` opens connections
// without requests. `after`: at once after its last response, the thread does nothing (default), goes into a loop without end
// (`block`), calls `process.exit()` (`exit`), throws (`throw`), is terminated (`terminate`), or starts another thread that does the
// same, and is terminated with it (`nest`). Prints "done <line>" when a thread is where it should be, and exits at the line `end`.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

interface Job {
  readonly url: string;
  readonly times: number;
  readonly what: string;
  readonly after: string;
}

const MAKE: Readonly<Record<string, (url: string) => Promise<unknown>>> = {
  async closing(url) {
    const [response] = (await once(http.get(url, { agent: false }), 'response')) as [http.IncomingMessage];
    await once(response.resume(), 'end');
  },
  kept: async url => (await fetch(url)).text(),
  bare: url => once(net.connect(Number(new URL(url).port), '127.0.0.1'), 'connect'),
};

function startThread(job: Job): Worker {
  return new Worker(new URL(import.meta.url), { workerData: job });
}

/** The numbers must not depend on anything that the thread could do later. */
async function work(job: Job): Promise<void> {
  const { url, times, what, after } = job;
  for (let i = 0; i < times; i++) await MAKE[what]?.(url);
  if (after === 'nest') await once(startThread({ ...job, after: 'block' }), 'message');
  if (after === 'exit') process.exit(3);
  if (after === 'throw') throw new Error('on purpose');

  parentPort?.postMessage('done');
  if (after === 'block') for (;;);
  await new Promise(resolve => setTimeout(resolve, 2 ** 30));
}

async function run(line: string): Promise<Worker> {
  const [times, what = '', after = ''] = line.split(' ');
  const thread = startThread({ url: process.argv[2] as string, times: Number(times), what, after });
  thread.on('error', () => {});
  if (after === 'exit' || after === 'throw') {
    await new Promise(resolve => thread.on('exit', resolve));
  } else {
    await once(thread, 'message');
    if (after === 'terminate' || after === 'nest') await thread.terminate();
  }
  console.log(`done ${line}`);
  return thread;
}

if (isMainThread) {
  const threads: Promise<Worker>[] = [];
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'end') break;
    threads.push(run(line));
  }
  for (const thread of await Promise.all(threads)) await thread.terminate();
  process.stdin.destroy();
} else {
  await work(workerData as Job);
}
