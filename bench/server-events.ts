// node bench/server-events.ts
// Measures the CPU time and allocations per served request. The server is replayed: prepared messages are published on the
// real channels, so that only the subscribers are measured. Each row runs twice, each time in its own process: with no-op
// subscribers (the floor), and with connmeter.
import { fork } from 'node:child_process';
import { channel, subscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { setImmediate as nextRound } from 'node:timers/promises';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../src/index.ts';
import { ManualReader } from '../test/support/manual-reader.ts';

const REQUESTS = 1_000_000;
const ROUNDS = 5;
const WARM_UP = 200_000;
/** Connections that take turns. */
const CONNECTIONS = 100;
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

class Listening extends EventEmitter {
  headersTimeout = 60_000;
  maxRequestsPerSocket = 0;
  readonly port: number;
  constructor(port: number) {
    super();
    this.port = port;
  }
  address = () => ({ address: '::', port: this.port, family: 'IPv6' });
}

class SecureListening extends Listening {
  addContext = () => {};
}

class Http2Listening extends EventEmitter {
  updateSettings = () => {};
  address = () => ({ address: '::', port: 82, family: 'IPv6' });
}

class Socket extends EventEmitter {
  readonly server: EventEmitter;
  closed = false;
  destroyed = false;
  pending = false;
  writableEnded = false;
  bytesRead = 100;
  alpnProtocol = false;
  remoteAddress = '127.0.0.1';
  remotePort: number;
  localAddress = '127.0.0.1';
  localPort = 80;
  constructor(server: EventEmitter, remotePort: number) {
    super();
    this.server = server;
    this.remotePort = remotePort;
  }
  getProtocol = () => 'TLSv1.3';
  isSessionReused = () => false;
}

const accepted = channel('net.server.socket');

function accept(server: EventEmitter, remotePort: number): Socket {
  const socket = new Socket(server, remotePort);
  accepted.publish({ socket });
  return socket;
}

function inTurn<T>(items: readonly T[], play: (item: T) => void): () => void {
  let turn = 0;
  return () => {
    play(items[turn] as T);
    turn = turn + 1 === items.length ? 0 : turn + 1;
  };
}

function exchanging(server: EventEmitter, speaking: (raw: Socket) => Socket): () => void {
  const begun = channel('http.server.request.start');
  const over = channel('http.server.response.finish');
  const exchanges = Array.from({ length: CONNECTIONS }, (_, i) => {
    const socket = speaking(accept(server, 1024 + i));
    return { request: { headers: {}, httpVersion: '1.1' }, response: { shouldKeepAlive: true }, socket, server };
  });
  return inTurn(exchanges, exchange => {
    begun.publish(exchange);
    over.publish(exchange);
  });
}

function http(): () => void {
  return exchanging(new Listening(80), raw => raw);
}

function https(): () => void {
  const server = new SecureListening(81);
  return exchanging(server, raw => {
    const speaking = new Socket(server, raw.remotePort);
    server.emit('secureConnection', speaking);
    return speaking;
  });
}

function http2(): () => void {
  const server = new Http2Listening();
  const begun = channel('http2.server.stream.start');
  const over = channel('http2.server.stream.close');
  const streams = Array.from({ length: CONNECTIONS }, (_, i) => {
    const session = Object.assign(new EventEmitter(), { socket: accept(server, 1024 + i), destroyed: false });
    return { stream: { id: 1, session } };
  });
  return inTurn(streams, stream => {
    begun.publish(stream);
    over.publish(stream);
  });
}

/** A connection from accept to close, with one request. */
function connections(): () => void {
  const server = new Listening(80);
  const begun = channel('http.server.request.start');
  const over = channel('http.server.response.finish');
  let port = 1024;
  return () => {
    const socket = accept(server, port++ & 0xffff);
    const exchange = { request: { headers: {} }, response: { shouldKeepAlive: true }, socket, server };
    begun.publish(exchange);
    over.publish(exchange);
    socket.emit('end');
    socket.closed = true;
    socket.emit('close');
  };
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

/** Starts connmeter; returns a function that resolves with the number of requests it has counted. */
function subscribeConnmeter(): () => Promise<number> {
  const reader = new ManualReader();
  new ConnectionInstrumentation().setMeterProvider(new MeterProvider({ readers: [reader] }));
  return async () => {
    const { resourceMetrics } = await reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics);
    const counted = metrics.find(({ descriptor }) => descriptor.name === 'connmeter.server.requests')?.dataPoints ?? [];
    return counted.reduce((total, { value }) => total + (value as number), 0);
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
