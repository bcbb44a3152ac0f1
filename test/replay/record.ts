// Records real programs under connmeter: `node test/replay/record.ts [program...]`. It takes 15 minutes for all of them, and one
// processor. The recordings are committed, because tests replay them and never record.
import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseExposition } from '../../examples/demo/exposition.ts';
import { FAULTY } from './programs/faulty.ts';
import { HEALTHY } from './programs/healthy.ts';
import type { Program } from './programs/program.ts';
import { type RecordedSeries, writeRecording } from './recordings.ts';

const INTERVAL = 5;
/** How many programs run at once. Each also has a process with its servers. */
const AT_ONCE = 10;
/** Rules use the buckets of these histograms. Those of the others would be half of a recording. */
const USED_BUCKETS =
  /^dns_lookup_duration_bucket$|^connmeter_connection_requests_bucket$|^connmeter_server_connection_duration_bucket$/;

const programs: Readonly<Record<string, Program>> = { ...HEALTHY, ...FAULTY };
const ROOT = join(import.meta.dirname, '../..');

async function record(name: string): Promise<void> {
  const program = programs[name];
  if (!program) throw new Error(`no program ${name}`);

  const port = await freePort();
  const child = fork(join(import.meta.dirname, 'programs/run.ts'), [name], {
    cwd: ROOT,
    execArgv: ['--import', 'connmeter/register', '--disable-warning=ExperimentalWarning'],
    silent: true,
    env: {
      OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
      CONNMETER_SHARE: 'false',
      CONNMETER_PAGE: 'false',
      CONNMETER_LOG: 'none',
      ...program.env,
    },
  });
  const names = namesFrom(child);
  const rows = new Map<string, { name: string; labels: Record<string, string>; values: (number | null)[] }>();
  const scrapes = program.seconds / INTERVAL + 1;
  await answers(port);
  const started = performance.now();
  for (let at = 0; at < scrapes; at++) {
    await pause(Math.max(0, started + at * INTERVAL * 1_000 - performance.now()));
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    for (const { name, labels, value } of parseExposition(text)) {
      if (!isWanted(name)) continue;

      const key = JSON.stringify([name, labels]);
      const row = rows.get(key) ?? { name, labels, values: Array.from({ length: scrapes }, () => null) };
      row.values[at] = Math.round(value * 1_000) / 1_000;
      rows.set(key, row);
    }
  }
  child.kill('SIGKILL');

  const series = summedUp(Array.from(rows.values(), row => ({ ...row, labels: withNames(row.labels, names) })));
  writeRecording({ program: name, interval: INTERVAL, warmUp: program.warmUp / INTERVAL, scrapes, series });
  console.log(`${name}: ${series.length} series, ${scrapes} scrapes`);
}

function isWanted(name: string): boolean {
  if (!/^(connmeter|dns|http_client)_/.test(name)) return false;
  return !name.endsWith('_bucket') || USED_BUCKETS.test(name);
}

type Names = Map<string, string>;

/** What the program wants its addresses to be called. */
function namesFrom(child: ChildProcess): Names {
  const names: Names = new Map();
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const { address, port, name } = JSON.parse(line) as { address: string; port: number; name: string };
      names.set(`${address}:${port}`, name);
    }
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => process.stderr.write(text));
  child.on('exit', code => {
    if (code !== null) console.error(`${child.spawnargs.at(-1)} ended with ${code}`);
  });
  return names;
}

/** With the given names for addresses, and without the labels that the exporter adds to every series. */
function withNames(labels: Readonly<Record<string, string>>, names: Names): Record<string, string> {
  const kept = Object.fromEntries(Object.entries(labels).filter(([key]) => !key.startsWith('otel_scope_')));
  const { server_address: address, server_port: port } = kept;
  const [newAddress, newPort] = names.get(`${address}:${port}`)?.split(':') ?? [];
  return newAddress && newPort ? { ...kept, server_address: newAddress, server_port: newPort } : kept;
}

/** Adds up series that have the same labels now. */
function summedUp(all: readonly RecordedSeries[]): RecordedSeries[] {
  const sums = new Map<string, RecordedSeries>();
  for (const series of all) {
    const key = JSON.stringify([series.name, series.labels]);
    const other = sums.get(key);
    const values = series.values.map((value, at) => {
      const others = other?.values[at] ?? null;
      return value === null ? others : value + (others ?? 0);
    });
    sums.set(key, { ...series, values });
  }
  return Array.from(sums.values());
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isUp = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    await pause(100);
  }
  throw new Error(`nothing answers on port ${port}`);
}

mkdirSync(join(import.meta.dirname, 'recordings'), { recursive: true });
const asked = process.argv.slice(2);
const queue = asked.length > 0 ? asked : Object.keys(programs);
// Those that take longest first.
queue.sort((a, b) => (programs[b]?.seconds ?? 0) - (programs[a]?.seconds ?? 0));
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) await record(name);
  }),
);
