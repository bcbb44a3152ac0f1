import { setImmediate as nextRound } from 'node:timers/promises';
import { Bench, type FnOptions } from 'tinybench';
import { type ConnectionScript, HTTP_CONNECTION, REUSED_CONNECTIONS, UNDICI_CONNECTION } from './replayed-clients.ts';
import { VARIANTS, type VariantName } from './variants.ts';

export interface HandlersTask {
  readonly variant: VariantName;
  /** Samples per event. */
  readonly samples: number;
}

/** Requests per sample, because the clock is too coarse for one. */
const REQUESTS = 1_000;
/** Connections per sample, the size of an ordinary pool. */
const CONNECTIONS = 25;
/** Requests get more samples, so that V8 has optimised their code. */
const MORE = 4;

/** Measures the cost of each event with a variant: nanoseconds, by client, or by client and event. */
export async function* handlers({ variant, samples }: HandlersTask): AsyncGenerator<Readonly<Record<string, number>>> {
  await VARIANTS[variant].start();
  for (const [name, { open }] of Object.entries(REUSED_CONNECTIONS)) {
    const request = open();
    await nextRound();
    const manyRequests = () => {
      for (let i = 0; i < REQUESTS; i++) request();
    };
    yield { [name]: (await typicalTime(MORE * samples, manyRequests)) / REQUESTS };
  }
  yield* stepTimes(samples, 'undici', UNDICI_CONNECTION);
  yield* stepTimes(samples, 'http', HTTP_CONNECTION);
}

/** The median time in nanoseconds. */
async function typicalTime(samples: number, run: () => void, around: FnOptions = {}): Promise<number> {
  const bench = new Bench({ time: 0, iterations: samples, warmupTime: 0, warmupIterations: samples, throws: true });
  bench.add('it', run, around);
  await bench.run();
  const [task] = bench.tasks;
  if (task === undefined || !('latency' in task.result)) throw new Error('it did not run');
  return task.result.latency.p50 * 1e6;
}

/** Times each step. The previous steps are replayed before it, and the connection is closed after it. */
async function* stepTimes<Life>(
  samples: number,
  lives: string,
  { make, steps }: ConnectionScript<Life>,
): AsyncGenerator<Readonly<Record<string, number>>> {
  const last = steps.length - 1;
  for (const [at, { event, play }] of steps.entries()) {
    let batch: Life[] = [];
    const together = () => {
      for (const life of batch) play(life);
    };
    const time = await typicalTime(samples, together, {
      beforeEach: async () => {
        batch = Array.from({ length: CONNECTIONS }, () => make('a.test'));
        for (const before of steps.slice(0, at)) for (const life of batch) before.play(life);
        await nextRound();
      },
      afterEach: async () => {
        await nextRound();
        if (at < last) for (const life of batch) steps[last]?.play(life);
      },
    });
    yield { [`${lives} ${event}`]: time / CONNECTIONS };
  }
}
