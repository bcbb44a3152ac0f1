// `npm start`: shows which origin wastes connections. Starts some servers (upstreams.ts) and a program that calls them
// well and badly (app.ts, measured by connmeter), scrapes its metrics as a Prometheus would and prints them in words.
// Ends on Ctrl-C, or by itself with `--seconds N`.
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
import { printer } from './printer.ts';
import { intervalOf, linesOf } from './table.ts';

const EVERY = 3;
/** Loopback unless somebody asks for more; what listens for all is reached on loopback, too. */
const { OTEL_EXPORTER_PROMETHEUS_HOST: HOST = '127.0.0.1' } = process.env;
const REACHED = HOST === '0.0.0.0' || HOST === '::' ? '127.0.0.1' : HOST;

const children: ChildProcess[] = [];
let stopping = false;
const folder = mkdtempSync(join(tmpdir(), 'connmeter-demo-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.stdout.on('error', stop); // whoever read it has gone

const { OTEL_EXPORTER_PROMETHEUS_PORT: wantedPort = '9464' } = process.env;
const limit = secondsAsked();
const { trusted } = await writeCertificates(folder);
const [urls] = (await once(start('upstreams.ts', folder), 'message')) as [Record<string, string>];
const port = await freePort(Number(wantedPort));
const metrics = `http://${REACHED}:${port}/metrics`;

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
A program with good and bad callers is running under \`node --import connmeter/register\`.
Its metrics: ${metrics}   New numbers every ${EVERY} s, for the last ${EVERY} s. Ctrl-C ends it.
Reuse: requests sent on a connection that had served one before. The others paid for DNS, TCP and TLS first.
`);

let before: Sample[] = [];
let then = performance.now();
setInterval(async () => {
  const [after, snapshot] = await Promise.all([scrape(), snapshotOf(app)]);
  if (stopping) return;

  const now = performance.now();
  print(linesOf(intervalOf(before, after, (now - then) / 1000), callers, findingsOf(snapshot), print.colours));
  before = after;
  then = now;
}, EVERY * 1000);
if (limit !== undefined) setTimeout(limit * 1000).then(stop);

function secondsAsked(): number | undefined {
  const { values } = parseArgs({ options: { seconds: { type: 'string' } } });
  if (values.seconds === undefined) return undefined;

  const seconds = Number(values.seconds);
  if (!(seconds > 0 && seconds < 1e6)) fail(`--seconds must be a number above 0, got ${values.seconds}`);
  return seconds;
}

/** Runs another file of the demo; the demo does not outlive any of them. */
function start(file: string, argument: string, { execArgv = [], env = {} }: ForkOptions = {}): ChildProcess {
  const child = fork(join(import.meta.dirname, file), [argument], {
    cwd: import.meta.dirname,
    execArgv: ['--disable-warning=ExperimentalWarning', ...execArgv],
    env: { ...process.env, ...env },
  });
  children.push(child);
  child.once('exit', () => stopping || fail(`${file} ended before its time`));
  return child;
}

async function stop(): Promise<void> {
  if (stopping) return;

  stopping = true;
  for (const child of children) child.kill();
  await Promise.all(children.map(child => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
  process.exit(0);
}

/** The port if it is free, else one that is. */
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
  if (port !== wanted && wanted !== 0) console.log(`Port ${wanted} is taken, so the metrics are at port ${port}.`);
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
    return stopping ? before : fail(`${metrics} does not answer: ${error}`);
  }
}

async function snapshotOf(program: ChildProcess): Promise<Snapshot> {
  if (program.connected) program.send('snapshot');
  const [snapshot] = (await once(program, 'message')) as [Snapshot];
  return snapshot;
}

/** The origin as the metrics write it: with the port, even where it is the protocol's own. */
function originOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`;
}

function fail(line: string): never {
  console.error(`demo: ${line}`);
  process.exit(1);
}
