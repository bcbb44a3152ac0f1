// `npm run incidents`: stages what goes wrong with connections, one incident after another, for Prometheus and the dashboard to show.
// Each incident is broken for half of its time. The other half is the same load with the fix. See docs/incidents.md.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arguments, readArguments } from './arguments.ts';
import type { Incident } from './incident.ts';
import { Stage } from './stage.ts';

/** Loopback by default. */
const { OTEL_EXPORTER_PROMETHEUS_HOST: host = '127.0.0.1', OTEL_SERVICE_NAME: service = 'checkout' } = process.env;

const { incidents, secondsPerIncident, port, repeat, list } = argumentsOrFail();
if (list) {
  for (const { name, broken, fixed } of incidents) {
    console.log(`${name}\n  broken: ${broken.says}\n  fixed: ${fixed.says}`);
  }
  process.exit();
}
await checkPort();

const stage = await Stage.start({ host, port, service, onExit: () => fail('checkout.ts exited unexpectedly') });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.stdout.on('error', stop); // the reader of the pipe exited
say(`${service} runs; metrics: http://localhost:${port}/metrics`);

do {
  for (const incident of incidents) {
    const { name, upstream } = incident;
    const broken = await play(incident, 'broken');
    const fixed = await play(incident, 'fixed');
    say(`${name}: over; ${upstream} accepted ${broken} new connections while broken, ${fixed} while fixed`);
  }
} while (repeat);
await stop();

/** Plays one half of an incident. Returns how many connections its upstream has accepted meanwhile. */
async function play(incident: Incident, half: 'broken' | 'fixed'): Promise<number> {
  const { name, upstream } = incident;
  const before = stage.accepted(upstream);
  await stage.play(incident, half);
  say(`${name}: ${half}: ${incident[half].says} (${stage.addressOf(upstream)})`);
  await sleep(secondsPerIncident * 500);
  await stage.pause();
  return stage.accepted(upstream) - before;
}

function argumentsOrFail(): Arguments {
  try {
    return readArguments(process.argv.slice(2));
  } catch (error) {
    fail((error as Error).message);
  }
}

async function checkPort(): Promise<void> {
  const probe = createServer();
  try {
    await once(probe.listen(port, host), 'listening');
  } catch (error) {
    fail(`--port: expected a free port, got ${port} (${(error as NodeJS.ErrnoException).code})`);
  }
  probe.close();
  await once(probe, 'close');
}

function say(line: string): void {
  console.log(`${new Date().toTimeString().slice(0, 8)} ${line}`);
}

async function stop(): Promise<never> {
  await stage.stop();
  process.exit(0);
}

function fail(line: string): never {
  console.error(`incidents: ${line}`);
  process.exit(1);
}
