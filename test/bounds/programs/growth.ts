// growth.ts <task>: how much more an event costs beside many others than beside few. Replays the same in turn in two
// surroundings, so that both meet the same machine and the same compiled code, and prints the ratio of their CPU times.
import { Agent } from 'node:http';
import { setImmediate as nextRound } from 'node:timers/promises';
import {
  type ConnectionScript,
  HTTP_CONNECTION,
  UNDICI_CONNECTION,
  undiciPipelining,
} from '../../../bench/replayed-clients.ts';
import { serving } from '../../../bench/replayed-servers.ts';
import { ConnectionInstrumentation } from '../../../src/index.ts';

/** What is done, and what there are many of meanwhile. */
export type GrowthTask = keyof typeof SUBJECTS;

export interface Growth {
  readonly ratio: number;
  /** How many of them connmeter knows, up to a limit of its own. */
  readonly many: number;
}

/** Does the same again and again, in surroundings that grow. */
interface Subject {
  readonly few: number;
  readonly many: number;
  /** Adds so many that stay. */
  readonly add: (count: number) => Promise<void>;
  /** Does it so many times. */
  readonly play: (count: number) => Promise<void>;
  /** How many there are of what the surroundings are made of. */
  readonly found: () => number;
}

const BATCH = 25;
/** Enough for V8 to have optimised the code. */
const WARM_UP = 200;
const ROUNDS = 60;

const instrumentation = new ConnectionInstrumentation({ maxOrigins: 1_000 });
const { connections } = instrumentation;

const SUBJECTS = {
  'a connection of undici, open connections': () => connecting(UNDICI_CONNECTION, 10_000),
  'a connection of node:http, open connections': () => connecting(HTTP_CONNECTION, 10_000),
  'a connection of node:http, origins': () => connecting(HTTP_CONNECTION, 1_000, n => `host-${n}.test`),
  'a connection of node:http, agents': () =>
    connecting(HTTP_CONNECTION, 10_000, undefined, ({ first }) => {
      Object.assign(first.request, { agent: new Agent({ keepAlive: true }) });
    }),
  'a request of undici, pipelined requests': pipelining,
  'an accepted connection, accepted connections': accepting,
} satisfies Record<string, () => Subject>;

function connecting<Life>(
  { make, steps }: ConnectionScript<Life>,
  many: number,
  hostOf: (n: number) => string = () => 'busy.test',
  prepare: (life: Life) => void = () => {},
): Subject {
  const inBatches = async (count: number, step: (lives: Life[]) => void) => {
    for (let from = 0; from < count; from += BATCH) {
      const size = Math.min(BATCH, count - from);
      step(Array.from({ length: size }, (_, at) => make(hostOf((from + at) % many))));
      await nextRound();
    }
  };
  const last = steps.at(-1);
  const open = (lives: Life[]) => {
    for (const { play } of steps.slice(0, -1)) for (const life of lives) play(life);
  };
  return {
    few: 10,
    many,
    add: count =>
      inBatches(count, lives => {
        for (const life of lives) prepare(life);
        open(lives);
      }),
    play: count =>
      inBatches(count, lives => {
        open(lives);
        for (const life of lives) last?.play(life);
      }),
    found: () => connections.snapshot().live.length,
  };
}

function pipelining(): Subject {
  const send = undiciPipelining();
  const sent: (() => void)[] = [];
  return {
    few: 1,
    many: 1_000,
    add: async count => {
      for (let n = 0; n < count; n++) sent.push(send());
    },
    play: async count => {
      for (let n = 0; n < count; n++) {
        sent.push(send());
        sent.shift()?.();
      }
    },
    found: () => sent.length,
  };
}

function accepting(): Subject {
  const serve = serving();
  return {
    few: 10,
    many: 10_000,
    add: async count => {
      for (let n = 0; n < count; n++) serve();
    },
    play: async count => {
      const closing = Array.from({ length: count }, serve);
      await nextRound();
      for (const close of closing) close();
    },
    found: () => connections.snapshot().served.live.length,
  };
}

/** The CPU time of one batch, in microseconds. */
async function costOf({ play }: Subject): Promise<number> {
  const before = process.cpuUsage();
  await play(BATCH);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function middleCost(subject: Subject): Promise<number> {
  const costs = [];
  for (let round = 0; round < ROUNDS; round++) costs.push(await costOf(subject));
  return costs.toSorted((a, b) => a - b)[costs.length >> 1] as number;
}

const subject = SUBJECTS[JSON.parse(process.argv[2] as string) as GrowthTask]();
await subject.add(subject.few);
await subject.play(WARM_UP * BATCH);
const few = await middleCost(subject);
await subject.add(subject.many);
const growth: Growth = { ratio: (await middleCost(subject)) / few, many: subject.found() };
process.stdout.write(JSON.stringify(growth), () => process.exit());
