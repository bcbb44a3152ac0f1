// node bench/server-cpu.ts [--rounds 6]
// Measures the cost of connmeter in a real server: CPU time of the server's process per request on a kept-alive connection,
// and per connection with one request. The client is this process, which is not measured. Each round has a fresh process for
// every variant, and they take turns.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http, { Agent } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { count, percent, signed } from './number-format.ts';
import { differences, spreadOf, typical } from './statistics.ts';
import { type Figures, inTurns } from './turns.ts';
import { VARIANTS } from './variants.ts';

const SERVED = ['nobody', 'again', 'connmeter'] as const;
type Served = (typeof SERVED)[number];

/** Warm-up requests, and measured requests. */
const WORKLOADS = {
  'a request on a connection that stays': { keepAlive: true, warmUp: 20_000, requests: 30_000 },
  'a connection that serves one request': { keepAlive: false, warmUp: 5_500, requests: 5_500 },
};
const AT_ONCE = 4;
const TURNS = 10;

/** The server: sends its port, and on each message its CPU time since the last message, in microseconds. */
async function serve(variant: Served): Promise<void> {
  await VARIANTS[variant].start();
  const server = http.createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  let before = process.cpuUsage();
  process.on('message', () => {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    process.send?.(user + system);
  });
  process.on('disconnect', () => process.exit());
  process.send?.((server.address() as AddressInfo).port);
}

interface ServedResult {
  /** Microseconds of CPU time. */
  readonly each: number;
}

async function* measured(
  variant: Served,
  { keepAlive, warmUp, requests }: (typeof WORKLOADS)[keyof typeof WORKLOADS],
): AsyncGenerator<Figures> {
  const child = fork(import.meta.filename, ['--serve', variant], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const [port] = (await once(child, 'message')) as [number];
  const agent = new Agent({ keepAlive, maxSockets: AT_ONCE });
  const used = async (): Promise<number> => {
    child.send('?');
    return (await once(child, 'message'))[0] as number;
  };
  try {
    await ask(port, agent, warmUp);
    await used();
    for (let turn = 0; turn < TURNS; turn++) {
      await ask(port, agent, requests / TURNS);
      yield { each: (await used()) / (requests / TURNS) };
    }
  } finally {
    agent.destroy();
    child.disconnect();
    await once(child, 'exit');
  }
}

async function ask(port: number, agent: Agent, requests: number): Promise<void> {
  let left = requests;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const request = http.get({ port, host: '127.0.0.1', agent }, response => response.resume().on('close', resolve));
      request.on('error', reject);
    });
  const line = async () => {
    while (left-- > 0) await one();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, line));
}

async function print(rounds: number): Promise<void> {
  console.log(
    `Node.js ${process.versions.node}, ${rounds} rounds; µs of the server's CPU time, quartiles in brackets\n`,
  );
  console.log('| what the server does | baseline | baseline, again | connmeter |\n|---|---|---|---|');
  for (const [title, workload] of Object.entries(WORKLOADS)) {
    const took = await inTurns<Served, ServedResult>(rounds, SERVED, variant => measured(variant, workload));
    const base = typical(took.nobody.each);
    const more = (variant: Served) => {
      const spread = spreadOf(differences(took[variant].each, took.nobody.each));
      return `${signed(spread.median)} (${signed(spread.low)} … ${signed(spread.high)}), ${percent(spread.median / base)}`;
    };
    console.log(`| ${title} | ${count(base)} | ${more('again')} | ${more('connmeter')} |`);
  }
}

const { values } = parseArgs({ options: { serve: { type: 'string' }, rounds: { type: 'string', default: '6' } } });
if (values.serve === undefined) await print(Number(values.rounds));
else await serve(values.serve as Served);
