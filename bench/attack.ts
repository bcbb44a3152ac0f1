// node bench/attack.ts [--rounds 3] [--only 'one scrape']
// Measures what one client can do to a process by requesting its metrics: the longest event-loop block, and the memory
// growth. Compares connmeter/register with OpenTelemetry's PrometheusExporter and prom-client, each serving the series of
// connmeter with 100 origins as its documentation says. Each attack runs in its own process with a heap of 512 MiB, takes
// 30 s at most, and leaves nothing behind. It uses 127.0.0.1 only.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import {
  environmentOf,
  METRICS_SERVERS,
  type MetricsServer,
  nodeArguments,
  SERVER_TITLES,
  serveMetrics,
} from './metrics-servers.ts';
import { count } from './number-format.ts';
import { median } from './statistics.ts';

const ORIGINS = 100;
const HEAP_MIB = 512;
const LONGEST_MS = 30_000;
/** An attack is over when the event loop was never blocked longer than this in several consecutive reports. */
const CALM_MS = 100;
const LOOKS = 4;
const LOOK_EVERY_MS = 500;
/** After that, connmeter makes a new text for the next one who asks. */
const TEXT_IS_OLD_MS = 1_200;

const ask = (method: string) => `${method} /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const unread = async (port: number, clients: number, bytes: string): Promise<Socket[]> => {
  const sockets = Array.from({ length: clients }, () =>
    net
      .connect(port, '127.0.0.1')
      .on('error', () => {})
      .pause(),
  );
  for (const socket of sockets) socket.write(bytes);
  return sockets;
};
/** The attacks. The returned sockets stay open while the attacked process is watched. */
const ATTACKS: Record<string, (port: number) => Promise<Socket[]>> = {
  'one scrape, read': async port => {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    socket.resume().write(ask('GET'));
    return [socket];
  },
  '100 pipelined `GET`, unread': port => unread(port, 1, ask('GET').repeat(100)),
  '100 pipelined `HEAD`, unread': port => unread(port, 1, ask('HEAD').repeat(100)),
  '1,000 pipelined `GET`, unread': port => unread(port, 1, ask('GET').repeat(1_000)),
  '60 clients that ask and do not read': port => unread(port, 60, ask('GET')),
};

/** The longest event-loop block since the last report in milliseconds, and the maximum memory so far in bytes. */
interface Report {
  readonly held: number;
  readonly rss: number;
}

interface Result {
  readonly held: number;
  readonly more: number;
  readonly ended: 'well' | 'still busy' | 'out of memory';
}

// The attacked process.

async function serve(variant: MetricsServer): Promise<void> {
  await serveMetrics(variant, ORIGINS);
  watch();
}

/** Measures event-loop blocks and memory with a timer every millisecond. */
function watch(): void {
  let held = 0;
  let rss = 0;
  let last = performance.now();
  const tick = () => {
    const now = performance.now();
    held = Math.max(held, now - last - 1);
    rss = Math.max(rss, process.memoryUsage.rss());
    last = now;
  };
  setInterval(tick, 1);
  process.on('message', () => {
    tick();
    process.send?.({ held, rss } satisfies Report);
    held = 0;
  });
  process.on('disconnect', () => process.exit());
  setTimeout(() => process.exit(), 2 * LONGEST_MS);
  process.send?.('ready');
}

// The attacker.

interface Attacked {
  readonly port: number;
  /** Resolves with its report, or undefined if it does not report in time or has exited. */
  report(within: number): Promise<Report | undefined>;
  hasEnded(): boolean;
  stop(): Promise<void>;
}

async function start(variant: MetricsServer): Promise<Attacked> {
  const port = await freePort();
  const child = fork(import.meta.filename, ['--serve', variant], {
    execArgv: [...nodeArguments(variant), `--max-old-space-size=${HEAP_MIB}`],
    env: environmentOf(ORIGINS, port),
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'], // its stderr is long when it runs out of memory
  });
  child.stderr?.resume();
  const ended = once(child, 'exit').then(() => undefined);
  await Promise.race([once(child, 'message'), ended]);
  return {
    port,
    report: within => {
      if (child.connected) child.send('?', () => {});
      return Promise.race([once(child, 'message').then(([message]) => message as Report), ended, late(within)]);
    },
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function attack(variant: MetricsServer, kind: (port: number) => Promise<Socket[]>): Promise<Result> {
  const { port, report, hasEnded, stop } = await start(variant);
  try {
    await scrape(port); // as in life, it is not the first time
    await wait(TEXT_IS_OLD_MS);
    await settled(() => report(LONGEST_MS));
    const before = await report(LONGEST_MS);
    if (before === undefined) throw new Error(`${variant} did not start`);

    const deadline = performance.now() + LONGEST_MS;
    const sockets = await kind(port);
    let { held, rss } = { held: 0, rss: before.rss };
    const result = (ended: Result['ended']) => ({ held, more: rss - before.rss, ended });
    for (let calm = 0; calm < LOOKS; ) {
      await wait(LOOK_EVERY_MS);
      const now = await report(Math.max(0, deadline - performance.now()));
      if (now === undefined) return result(hasEnded() ? 'out of memory' : 'still busy');

      held = Math.max(held, now.held);
      rss = Math.max(rss, now.rss);
      calm = now.held < CALM_MS ? calm + 1 : 0;
      if (performance.now() > deadline) return result('still busy');
    }
    for (const socket of sockets) socket.destroy();
    return result('well');
  } finally {
    await stop();
  }
}

async function scrape(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

/** Number of series in a normal scrape. */
async function seriesOf(variant: MetricsServer): Promise<number> {
  const { port, stop } = await start(variant);
  try {
    return (await scrape(port)).split('\n').filter(line => line !== '' && !line.startsWith('#')).length;
  } finally {
    await stop();
  }
}

/** Waits until the process has finished starting. */
async function settled(report: () => Promise<Report | undefined>): Promise<void> {
  for (let i = 0; i < 10; i++) {
    await wait(LOOK_EVERY_MS);
    if (((await report())?.held ?? 0) < CALM_MS / 10) return;
  }
}

async function late(milliseconds: number): Promise<undefined> {
  await wait(milliseconds, undefined, { ref: false });
}

async function print(rounds: number, only: string): Promise<void> {
  const series: string[] = [];
  for (const variant of METRICS_SERVERS) series.push(`${count(await seriesOf(variant))} series`);
  console.log(
    `Node.js ${process.versions.node}; how long the event loop was held at a time, and how much more memory was resident; medians of ${rounds}\n`,
  );
  console.log(`| | ${METRICS_SERVERS.map((variant, i) => `${SERVER_TITLES[variant]}, ${series[i]}`).join(' | ')} |`);
  console.log(`|---|${'---|'.repeat(METRICS_SERVERS.length)}`);
  for (const [title, kind] of Object.entries(ATTACKS).filter(([title]) => title.includes(only))) {
    const cells: string[] = [];
    for (const variant of METRICS_SERVERS) {
      const results: Result[] = [];
      for (let i = 0; i < rounds; i++) results.push(await attack(variant, kind));
      cells.push(cellOf(results));
    }
    console.log(`| ${title} | ${cells.join(' | ')} |`);
  }
}

function cellOf(results: readonly Result[]): string {
  const how = (ended: Result['ended']) => {
    const count = results.filter(result => result.ended === ended).length;
    return count === 0 ? undefined : count === results.length ? '' : ` (${count} of ${results.length})`;
  };
  const [died, busy] = [how('out of memory'), how('still busy')];
  if (died !== undefined) return `ended, out of memory${died}`;
  if (busy !== undefined) return `busy for more than ${LONGEST_MS / 1000} s${busy}`;

  const held = median(results.map(result => result.held));
  const more = median(results.map(result => result.more)) / 2 ** 20;
  return `${count(Math.round(held))} ms, ${count(Math.max(0, Math.round(more)))} MiB`;
}

const { values } = parseArgs({
  options: {
    serve: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
});
if (values.serve === undefined) await print(Number(values.rounds), values.only);
else await serve(values.serve as MetricsServer);
