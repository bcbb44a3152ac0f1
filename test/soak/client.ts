// client.ts <task>: the measured program. Runs the jobs of a soak, then reports what connmeter and the program itself
// counted. Runs with --expose-gc, in its own network namespace.
import './built-in-fetch.ts';
import { once } from 'node:events';
import { ClientState } from './client-state.ts';
import { JOBS, type Job, withTimeLimit } from './jobs.ts';
import { kernelCounts } from './kernel.ts';
import { trackOpenSockets } from './open-sockets.ts';
import { type ClientReport, type ClientTask, type Endings, MOST_AT_ONCE } from './plan.ts';
import { type Random, randomOf } from './random.ts';
import { type Metrics, notZero, Scrapes, total } from './scrapes.ts';

const SCRAPE_EVERY = 1;
const HEAP_LOOKS = 60;
const TICK = 5;

const task = JSON.parse(process.argv[2] as string) as ClientTask;
const { seed, rate, seconds } = task.plan;
const now = () => performance.now() / 1000;
const gc = globalThis.gc as () => void;

const before = kernelCounts();
const neverClosed = trackOpenSockets();
const scrapes = new Scrapes();
const state = new ClientState(task);
const endings = new Map<Job, Endings>(
  JOBS.map(kind => [kind, { kind: kind.name, server: kind.server, done: 0, failed: {} }]),
);
const heap: number[] = [];
let begun = 0;
let running = 0;

function begin(): void {
  const random = randomOf(seed, begun++);
  const kind = pickKind(random);
  const ending = endings.get(kind) as Endings;
  running++;
  withTimeLimit(kind.run(state, random))
    .then(
      () => void ending.done++,
      error => {
        const code = codeOf(error);
        ending.failed[code] = (ending.failed[code] ?? 0) + 1;
      },
    )
    .finally(() => running--);
}

function pickKind(random: Random): Job {
  const all = JOBS.reduce((sum, { share }) => sum + share, 0);
  let left = random.next() * all;
  for (const kind of JOBS) {
    left -= kind.share;
    if (left < 0) return kind;
  }
  return JOBS[0] as Job;
}

/** The code of an error, or of the cause of an error that fetch throws. */
function codeOf(error: unknown): string {
  const { cause, code, name } = error as { cause?: { code?: string }; code?: string; name?: string };
  return String((typeof code === 'string' ? code : undefined) ?? cause?.code ?? name);
}

const nextTick = (ms: number) => new Promise<void>(resolve => void setTimeout(resolve, ms));

/** Destroys the connections that fetch keeps open. */
async function endFetch(): Promise<void> {
  for (const symbol of Object.getOwnPropertySymbols(globalThis)) {
    if (!String(symbol).includes('undici.globalDispatcher')) continue;
    await (globalThis as unknown as Record<symbol, { destroy?(): Promise<void> }>)[symbol]?.destroy?.();
  }
}

const chance = randomOf(seed, -1);
const start = now();
let nextScrape = start + SCRAPE_EVERY;
let nextHeap = start;
let nextFault = start + 0.2;
for (let at = start; at - start < seconds; at = now()) {
  for (const due = (at - start) * rate; begun < due && running < MOST_AT_ONCE; ) begin();
  if (at >= nextFault) {
    await nextTick(0); // not in the turn of the jobs above: a connection destroyed in its first turn is not counted
    state.injectFault(chance);
    nextFault = at + 0.1 + chance.next() * 0.8;
  }
  if (at >= nextScrape) {
    await scrapes.read();
    nextScrape = at + SCRAPE_EVERY;
  }
  if (at >= nextHeap) {
    gc();
    heap.push(process.memoryUsage().heapUsed);
    nextHeap = at + seconds / HEAP_LOOKS;
  }
  await nextTick(TICK);
}
const took = now() - start;

const inTheEnd = async (holds: () => boolean | Promise<boolean>) => {
  for (const deadline = now() + 15; !(await holds()) && now() < deadline; ) await nextTick(50);
};
await inTheEnd(() => running === 0);
state.end();
await endFetch();
process.send?.('idle');
await once(process, 'message'); // the servers have closed their connections, too
const openIn = (seen: Metrics) =>
  total(seen, 'connmeter.connection.opened') - total(seen, 'connmeter.connection.closed');
const leftOpen = () => Object.values(neverClosed()).reduce((sum, count) => sum + count, 0);
let metrics = await scrapes.read();
await inTheEnd(async () => {
  gc();
  metrics = await scrapes.read();
  return openIn(metrics) === leftOpen() && notZero(metrics).length === 0 && kernelCounts().held === before.held;
});

const report: ClientReport = {
  metrics,
  endings: [...endings.values()],
  faults: state.faults,
  warnings: scrapes.warnings,
  impossible: scrapes.impossible,
  scrapes: scrapes.done,
  series: scrapes.series,
  most: scrapes.most,
  lookups: state.lookups,
  heap,
  seconds: took,
  neverClosed: neverClosed(),
  kernel: { before, after: kernelCounts() },
};
process.send?.(report, () => process.exit());
