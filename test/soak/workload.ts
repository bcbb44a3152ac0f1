// The jobs of one process or thread of a soak. Needs --expose-gc.
import './built-in-fetch.ts';
import { ClientState } from './client-state.ts';
import { JOBS, type Job, withTimeLimit } from './jobs.ts';
import { trackOpenSockets } from './open-sockets.ts';
import { type ClientTask, type Endings, MOST_AT_ONCE, type WorkloadResult } from './plan.ts';
import { type Random, randomOf } from './random.ts';

const EVERY_SECOND = 1;
const HEAP_LOOKS = 60;
/** Seconds. A forced collection stops everything for a moment. */
const SHORTEST_HEAP_PAUSE = 2;
const TICK = 5;

const now = () => performance.now() / 1000;
const nextTick = (ms: number) => new Promise<void>(resolve => void setTimeout(resolve, ms));

/** Runs jobs at the rate of the plan, injects the faults that a program makes itself, and notes how the jobs end. */
export class Workload {
  readonly #task: ClientTask;
  readonly #state: ClientState;
  readonly #neverClosed = trackOpenSockets();
  readonly #endings = new Map<Job, Endings>(
    JOBS.map(kind => [kind, { kind: kind.name, server: kind.server, done: 0, failed: {} }]),
  );
  readonly #heap: number[] = [];
  #begun = 0;
  #running = 0;
  #seconds = 0;

  constructor(task: ClientTask) {
    this.#task = task;
    this.#state = new ClientState(task);
  }

  /** Ends when all jobs are over and the program has closed all its connections. */
  async run(everySecond: () => Promise<unknown> = async () => {}): Promise<void> {
    const { seed, rate, seconds } = this.#task.plan;
    const chance = randomOf(seed, -1);
    const start = now();
    let nextSecond = start + EVERY_SECOND;
    let nextHeap = start;
    let nextFault = start + 0.2;
    for (let at = start; at - start < seconds; at = now()) {
      for (const due = (at - start) * rate; this.#begun < due && this.#running < MOST_AT_ONCE; ) this.#begin();
      if (at >= nextFault) {
        await nextTick(0); // not in the turn of the jobs above: a connection destroyed in its first turn is not counted
        this.#state.injectFault(chance);
        nextFault = at + 0.1 + chance.next() * 0.8;
      }
      if (at >= nextSecond) {
        await everySecond();
        nextSecond = at + EVERY_SECOND;
      }
      if (at >= nextHeap) {
        globalThis.gc?.();
        this.#heap.push(process.memoryUsage().heapUsed);
        nextHeap = at + Math.max(seconds / HEAP_LOOKS, SHORTEST_HEAP_PAUSE);
      }
      await nextTick(TICK);
    }
    this.#seconds = now() - start;
    for (const deadline = now() + 15; this.#running > 0 && now() < deadline; ) await nextTick(50);
    this.#state.end();
    await endFetch();
  }

  result(): WorkloadResult {
    const { faults, lookups } = this.#state;
    return {
      endings: [...this.#endings.values()],
      faults,
      lookups,
      heaps: [this.#heap],
      seconds: this.#seconds,
      neverClosed: this.#neverClosed(),
    };
  }

  #begin(): void {
    const random = randomOf(this.#task.plan.seed, this.#begun++);
    const kind = pickKind(random);
    const ending = this.#endings.get(kind) as Endings;
    this.#running++;
    withTimeLimit(kind.run(this.#state, random))
      .then(
        () => void ending.done++,
        error => {
          const code = codeOf(error);
          ending.failed[code] = (ending.failed[code] ?? 0) + 1;
        },
      )
      .finally(() => this.#running--);
  }
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

/** Destroys the connections that fetch keeps open. */
async function endFetch(): Promise<void> {
  for (const symbol of Object.getOwnPropertySymbols(globalThis)) {
    if (!String(symbol).includes('undici.globalDispatcher')) continue;
    await (globalThis as unknown as Record<symbol, { destroy?(): Promise<void> }>)[symbol]?.destroy?.();
  }
}

/** The results of several processes or threads as one. */
export function together(results: readonly WorkloadResult[]): WorkloadResult {
  const endings = JOBS.map(({ name, server }) => {
    const same = results.flatMap(({ endings }) => endings.filter(({ kind }) => kind === name));
    return {
      kind: name,
      server,
      done: same.reduce((sum, { done }) => sum + done, 0),
      failed: sums(same.map(({ failed }) => failed)),
    };
  });
  return {
    endings,
    faults: sums(results.map(({ faults }) => faults)),
    lookups: sums(results.map(({ lookups }) => lookups)) as WorkloadResult['lookups'],
    heaps: results.flatMap(({ heaps }) => heaps),
    seconds: Math.max(...results.map(({ seconds }) => seconds)),
    neverClosed: sums(results.map(({ neverClosed }) => neverClosed)),
  };
}

function sums(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const each of all) for (const [name, count] of Object.entries(each)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
