// node bench/server-events.ts
// Measures the CPU time and allocations per served request. The server is replayed: prepared messages are published on the
// real channels, so that only the subscribers are measured. Each row runs twice, each time in its own process: with no-op
// subscribers (the floor), and with connmeter.
import { fork } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { setImmediate as nextRound } from 'node:timers/promises';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../src/index.ts';
import { ManualReader } from '../test/support/manual-reader.ts';
import { connections, http, http2, https } from './replayed-servers.ts';

const REQUESTS = 1_000_000;
const ROUNDS = 5;
const WARM_UP = 200_000;
const NODE = [
  '--expose-gc',
  '--min-semi-space-size=256',
  '--max-semi-space-size=256',
  '--disable-warning=ExperimentalWarning',
];

interface Result {
  readonly nanoseconds: number;
  readonly bytes: number;
}

interface Row {
  readonly server: string;
  readonly events: string;
  /** What one repetition stands for. */
  readonly per: string;
  readonly requests: number;
  /** Creates a server; returns a function that replays one request or one complete connection. */
  readonly start: () => () => void;
}

const ROWS: readonly Row[] = [
  { server: 'http', per: 'request', events: 'request.start, response.finish', requests: REQUESTS, start: http },
  { server: 'https', per: 'request', events: 'request.start, response.finish', requests: REQUESTS, start: https },
  { server: 'http2', per: 'request', events: 'stream.start, stream.close', requests: REQUESTS, start: http2 },
  {
    server: 'http',
    per: 'connection',
    events: 'net.server.socket, one request, end, close',
    requests: REQUESTS / 10,
    start: connections,
  },
];

const CHANNELS = [
  'net.server.socket',
  'http.server.request.start',
  'http.server.response.finish',
  'http2.server.stream.start',
  'http2.server.stream.close',
];

/** The floor: no-op subscribers. */
function subscribeNothing(): void {
  for (const name of CHANNELS) subscribe(name, () => {});
}

/** Starts connmeter; returns a function that resolves with the number of requests it has counted, if it had no fault. */
function subscribeConnmeter(): () => Promise<number> {
  const reader = new ManualReader();
  new ConnectionInstrumentation().setMeterProvider(new MeterProvider({ readers: [reader] }));
  return async () => {
    const { resourceMetrics } = await reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics);
    const sumOf = (metric: string) => {
      const points = metrics.find(({ descriptor }) => descriptor.name === metric)?.dataPoints ?? [];
      return points.reduce((total, { value }) => total + (value as number), 0);
    };
    const faults = sumOf('connmeter.faults');
    if (faults > 0) throw new Error(`connmeter had ${faults} faults: this measures something else`);
    return sumOf('connmeter.server.requests');
  };
}

async function measured({ start, requests }: Row, withConnmeter: boolean): Promise<Result> {
  const count = withConnmeter ? subscribeConnmeter() : undefined;
  if (count === undefined) subscribeNothing();
  const request = start();
  for (let i = 0; i < WARM_UP; i++) request();

  let nanoseconds = Infinity;
  let bytes = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    await nextRound();
    const used = process.memoryUsage().heapUsed;
    const began = process.cpuUsage();
    for (let i = 0; i < requests; i++) request();
    nanoseconds = Math.min(nanoseconds, (process.cpuUsage(began).user * 1e3) / requests);
    bytes = Math.min(bytes, (process.memoryUsage().heapUsed - used) / requests);
  }

  const expected = WARM_UP + ROUNDS * requests;
  const counted = (await count?.()) ?? expected;
  if (counted !== expected) throw new Error(`counted ${counted} of ${expected} requests: this measures something else`);
  return { nanoseconds, bytes };
}

async function inChildProcess(row: number, withConnmeter: boolean): Promise<Result> {
  const child = fork(import.meta.filename, [String(row), String(withConnmeter)], { execArgv: NODE });
  const result = once(child, 'message');
  const [code] = await once(child, 'exit');
  if (code !== 0) process.exit(1); // it has printed its error
  return (await result)[0] as Result;
}

const [row, withConnmeter] = process.argv.slice(2);
if (row !== undefined) {
  process.send?.(await measured(ROWS[Number(row)] as Row, withConnmeter === 'true'));
} else {
  console.log(`Node ${process.version}; each cell is the floor -> with connmeter\n`);
  console.log('| server | per | events | time, ns | allocated, bytes |');
  console.log('|---|---|---|---|---|');
  for (const [index, { server, per, events }] of ROWS.entries()) {
    const [floor, ours] = [await inChildProcess(index, false), await inChildProcess(index, true)];
    const time = `${Math.round(floor.nanoseconds)} -> ${Math.round(ours.nanoseconds)}`;
    const memory = `${floor.bytes.toFixed(1)} -> ${ours.bytes.toFixed(1)}`;
    console.log(`| ${[server, per, events, time, memory].join(' | ')} |`);
  }
}
