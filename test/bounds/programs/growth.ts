// growth.ts <task>: how much more a connection costs beside many others than beside few. Replays connections in turn in two
// surroundings, so that both meet the same machine and the same compiled code, and prints the ratio of their CPU times.
import { Agent } from 'node:http';
import { setImmediate as nextRound } from 'node:timers/promises';
import { HTTP_CONNECTION, UNDICI_CONNECTION } from '../../../bench/replayed-clients.ts';
import { ConnectionInstrumentation } from '../../../src/index.ts';

export interface GrowthTask {
  readonly client: 'undici' | 'http';
  /** What there are many of: connections that stay open, origins, or agents of node:http with an open connection. */
  readonly many: 'connections' | 'origins' | 'agents';
}

const task = JSON.parse(process.argv[2] as string) as GrowthTask;

const FEW = 10;
const MANY = { connections: 10_000, origins: 1_000, agents: 10_000 }[task.many];
const BATCH = 25;
/** Enough for V8 to have optimised the code. */
const WARM_UP = 200;
const ROUNDS = 60;

const script = { undici: UNDICI_CONNECTION, http: HTTP_CONNECTION }[task.client];

/** Replays connections up to their last step, and then closes them if asked. */
async function replay(count: number, hostOf: (n: number) => string, close: boolean): Promise<void> {
  const { make, steps } = script as typeof HTTP_CONNECTION;
  const last = steps.at(-1);
  for (let from = 0; from < count; from += BATCH) {
    const lives = Array.from({ length: Math.min(BATCH, count - from) }, (_, at) => {
      const life = make(hostOf(from + at));
      if (task.many === 'agents' && !close)
        Object.assign(life.first.request, { agent: new Agent({ keepAlive: true }) });
      return life;
    });
    for (const { play } of steps.slice(0, -1)) for (const life of lives) play(life);
    await nextRound();
    if (close) for (const life of lives) last?.play(life);
    await nextRound();
  }
}

/** The CPU time of one batch, in microseconds. */
async function costOf(hostOf: (n: number) => string): Promise<number> {
  const before = process.cpuUsage();
  await replay(BATCH, hostOf, true);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

const middle = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] as number;

const instrumentation = new ConnectionInstrumentation({ maxOrigins: 1_000 });
const quiet = () => 'quiet.test';
const busy = task.many === 'origins' ? (n: number) => `host-${n % MANY}.test` : () => 'busy.test';

await replay(FEW, quiet, false);
await replay(WARM_UP * BATCH, quiet, true);
const few = [];
for (let round = 0; round < ROUNDS; round++) few.push(await costOf(quiet));

await replay(MANY, busy, false);
const many = [];
for (let round = 0; round < ROUNDS; round++) many.push(await costOf(busy));

const { live } = instrumentation.connections.snapshot();
process.stdout.write(JSON.stringify({ ratio: middle(many) / middle(few), live: live.length }), () => process.exit());
