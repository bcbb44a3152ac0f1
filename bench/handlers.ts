import { setImmediate as nextRound } from 'node:timers/promises';
import { Bench } from 'tinybench';
import { type ConnectionScript, HTTP_CONNECTION, REUSED_CONNECTIONS, UNDICI_CONNECTION } from './replayed-clients.ts';
import { VARIANTS, type VariantName } from './variants.ts';

export interface HandlersTask {
  readonly variant: VariantName;
  /** How often each is timed. */
  readonly samples: number;
}

/** Nanoseconds for each: a request of a client, by its name, and an event, by that of the client before it. */
export type HandlersResult = Readonly<Record<string, number>>;

/** So many requests are timed at once, as the clock cannot tell one. */
const REQUESTS = 1_000;
/** So many connections: few enough for their pool to be a usual one. */
const CONNECTIONS = 25;
/** Requests are cheap to time, and only once V8 has done its best with them do they cost what they will cost. */
const MORE = 4;

/** Times what each event costs, with somebody looking on. */
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

/** A task for each step: the steps before it are played beforehand, and the life is ended afterwards. */
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
