import { setImmediate as nextRound } from 'node:timers/promises';
import { Bench } from 'tinybench';
import { type ConnectionScript, HTTP_CONNECTION, REUSED_CONNECTIONS, UNDICI_CONNECTION } from './replayed-clients.ts';
import { VARIANTS, type VariantName } from './variants.ts';

export interface HandlersTask {
  readonly variant: VariantName;
  /** Samples per event. */
  readonly samples: number;
}

/** Nanoseconds per request, by client, and per event, by client and event. */
export type HandlersResult = Readonly<Record<string, number>>;

/** Requests per sample, because the clock is too coarse for one. */
const REQUESTS = 1_000;
/** Connections per sample, the size of an ordinary pool. */
const CONNECTIONS = 25;
/** Requests get more samples, so that V8 has optimised their code. */
const MORE = 4;

/** Measures the cost of each event with a variant. */
export async function handlers({ variant, samples }: HandlersTask): Promise<HandlersResult> {
  await VARIANTS[variant].start();
  const requests = benchOf(MORE * samples);
  const steps = benchOf(samples);
  const times = new Map<string, number>();

  for (const [name, { open }] of Object.entries(REUSED_CONNECTIONS)) {
    const request = open();
    await nextRound();
    times.set(name, REQUESTS);
    requests.add(name, () => {
      for (let i = 0; i < REQUESTS; i++) request();
    });
  }
  addSteps(steps, times, 'undici', UNDICI_CONNECTION);
  addSteps(steps, times, 'http', HTTP_CONNECTION);

  await requests.run();
  await steps.run();
  return Object.fromEntries(
    [...requests.tasks, ...steps.tasks].map(({ name, result }) => {
      if (!('latency' in result)) throw new Error(`${name} did not run`);
      return [name, (result.latency.p50 * 1e6) / (times.get(name) as number)];
    }),
  );
}

function benchOf(samples: number): Bench {
  return new Bench({ time: 0, iterations: samples, warmupTime: 0, warmupIterations: samples, throws: true });
}

/** Adds a task per step. The previous steps are replayed before it, and the connection is closed after it. */
function addSteps<Life>(
  bench: Bench,
  times: Map<string, number>,
  lives: string,
  { make, steps }: ConnectionScript<Life>,
): void {
  const last = steps.length - 1;
  for (const [at, { event, play }] of steps.entries()) {
    const name = `${lives} ${event}`;
    let batch: Life[] = [];
    times.set(name, CONNECTIONS);
    bench.add(
      name,
      () => {
        for (const life of batch) play(life);
      },
      {
        beforeEach: async () => {
          batch = Array.from({ length: CONNECTIONS }, () => make('a.test'));
          for (const before of steps.slice(0, at)) for (const life of batch) before.play(life);
          await nextRound();
        },
        afterEach: async () => {
          await nextRound();
          if (at < last) for (const life of batch) steps[last]?.play(life);
        },
      },
    );
  }
}
