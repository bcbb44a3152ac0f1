// `npm start`: shows which callers waste connections. It starts servers (servers.ts) and a program that calls them (app.ts, measured
// by connmeter), scrapes the program's metrics like Prometheus, and prints what they mean. It ends on Ctrl-C, or after
// `--seconds N`.
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Snapshot } from 'connmeter';
import { writeCertificates } from './certificates.ts';
import { parseExposition, type Sample } from './exposition.ts';
import { findingsOf } from './findings.ts';
import { intervalOf } from './interval.ts';
import { printer } from './printer.ts';
import { linesOf } from './table.ts';

const INTERVAL = 3;
/** Loopback by default. A server on all addresses is also reached on loopback. */
const { OTEL_EXPORTER_PROMETHEUS_HOST: HOST = '127.0.0.1' } = process.env;
const SCRAPE_HOST = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;

const children: ChildProcess[] = [];
let stopping = false;
const folder = mkdtempSync(join(tmpdir(), 'connmeter-demo-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.stdout.on('error', stop); // the reader of the pipe exited

const { OTEL_EXPORTER_PROMETHEUS_PORT: wantedPort = '9464' } = process.env;
const limit = secondsOption();
const { trusted } = await writeCertificates(folder);
const [urls] = (await once(start('servers.ts', folder), 'message')) as [Record<string, string>];
const port = await freePort(Number(wantedPort));
const metrics = `http://${SCRAPE_HOST}:${port}/metrics`;

const app = start('app.ts', JSON.stringify(urls), {
  execArgv: ['--import', 'connmeter/register'],
  env: { OTEL_EXPORTER_PROMETHEUS_HOST: HOST, OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`, NODE_EXTRA_CA_CERTS: trusted },
});
await once(app, 'message');
// From the program's first connection on. Where that takes too long, the first scrape will tell.
for (let i = 0; i < 250 && !(await isServed()); i++) await setTimeout(20);

const callers = new Map(Object.entries(urls).map(([name, url]) => [originOf(url), name]));
const print = printer(process.stdout);
console.log(`
A program with good and bad callers runs with \`node --import connmeter/register\`.
Its metrics: ${metrics}   The table shows the last ${INTERVAL} s. Press Ctrl-C to stop.
Reuse: requests on a connection that served a request before. The others wait for DNS, TCP and TLS first.
`);

let before: Sample[] = [];
let scrapedAt = performance.now();
setInterval(async () => {
  const [after, snapshot] = await Promise.all([scrape(), snapshotOf(app)]);
  if (stopping) return;

  const now = performance.now();
  print(linesOf(intervalOf(before, after, (now - scrapedAt) / 1000), callers, findingsOf(snapshot), print.colours));
  before = after;
  scrapedAt = now;
}, INTERVAL * 1000);
if (limit !== undefined) setTimeout(limit * 1000).then(stop);

function secondsOption(): number | undefined {
  const { values } = parseArgs({ options: { seconds: { type: 'string' } } });
  if (values.seconds === undefined) return undefined;

  const seconds = Number(values.seconds);
  if (!(seconds > 0 && seconds < 1e6)) fail(`--seconds must be a number above 0, got ${values.seconds}`);
  return seconds;
}

/** Runs another file of the demo in a child process. The demo ends if one of them exits. */
function start(file: string, argument: string, { execArgv = [], env = {} }: ForkOptions = {}): ChildProcess {
  const child = fork(join(import.meta.dirname, file), [argument], {
    cwd: import.meta.dirname,
    execArgv: ['--disable-warning=ExperimentalWarning', ...execArgv],
    env: { ...process.env, ...env },
  });
  children.push(child);
  child.once('exit', () => stopping || fail(`${file} exited unexpectedly`));
  return child;
}

async function stop(): Promise<void> {
  if (stopping) return;

  stopping = true;
  for (const child of children) child.kill();
  await Promise.all(children.map(child => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
  process.exit(0);
}

/** The wanted port, or another one if it is in use. */
async function freePort(wanted: number): Promise<number> {
  const probe = createServer();
  try {
    await once(probe.listen(wanted, HOST), 'listening');
  } catch {
    await once(probe.listen(0, HOST), 'listening');
  }
  const address = probe.address();
  await new Promise(resolve => probe.close(resolve));
  const port = typeof address === 'object' && address !== null ? address.port : wanted;
  if (port !== wanted && wanted !== 0) console.log(`Port ${wanted} is in use, so the metrics are on port ${port}.`);
  return port;
}

function isServed(): Promise<boolean> {
  return fetch(metrics).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function scrape(): Promise<Sample[]> {
  try {
    const response = await fetch(metrics);
    return parseExposition(await response.text());
  } catch (error) {
    return stopping ? before : fail(`cannot scrape ${metrics}: ${error}`);
  }
}

async function snapshotOf(program: ChildProcess): Promise<Snapshot> {
  if (program.connected) program.send('snapshot');
  const [snapshot] = (await once(program, 'message')) as [Snapshot];
  return snapshot;
}

/** The origin as in the metrics: always with the port, even if it is the default. */
function originOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
}

function fail(line: string): never {
  console.error(`demo: ${line}`);
  process.exit(1);
}
