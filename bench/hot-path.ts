// node bench/hot-path.ts
// What a request on a reused connection costs beyond the channels themselves: time, and memory that the garbage collector
// will have to take back. The clients are played: their messages are published on the real channels, made beforehand, so
// that nothing but the subscribers is measured. Each row runs twice, each time in a process of its own: with subscribers
// that do nothing (the floor), and with connmeter.
import { fork } from 'node:child_process';
import { channel, subscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { Agent } from 'node:http';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as nextRound } from 'node:timers/promises';
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { ConnectionInstrumentation } from '../src/index.ts';

const REQUESTS = 1_000_000;
const ROUNDS = 5;
const WARM_UP = 200_000;

/** Room for all that a round may allocate, so that none of it is collected before it is counted. */
const NODE = [
  '--expose-gc',
  '--min-semi-space-size=256',
  '--max-semi-space-size=256',
  '--disable-warning=ExperimentalWarning',
];

interface Result {
  readonly nanoseconds: number;
  readonly bytes: number;
  /** How often the garbage collector ran in all rounds. */
  readonly collections: number;
}

interface Row {
  readonly client: string;
  readonly events: string;
  /** Makes a connection; what it returns plays one request on it, and its answer. */
  readonly open: () => () => void;
}

class Socket extends EventEmitter {
  connecting = true;
  closed = false;
  destroyed = false;
  writableEnded = false;
  bytesRead = 0;
  readableLength = 0;
  isPaused = () => false;
}

function connected(): Socket {
  const socket = new Socket();
  channel('net.client.socket').publish({ socket });
  socket.emit('connectionAttempt', '127.0.0.1', 80, 4);
  socket.connecting = false;
  socket.emit('connect');
  return socket;
}

function undici(...headers: string[]): () => () => void {
  return () => {
    const connectParams = { hostname: 'a.test', port: '80', protocol: 'http:' };
    const connector = () => {};
    channel('undici:client:beforeConnect').publish({ connectParams, connector });
    const socket = connected();
    channel('undici:client:connected').publish({ connectParams, connector, socket });

    const sendHeaders = channel('undici:client:sendHeaders');
    const answered = channel('undici:request:headers');
    const response = { statusCode: 200, headers: headers.map(text => Buffer.from(text)) };
    const exchanges = [1, 2].map(() => {
      const request = { origin: 'http://a.test', method: 'GET', completed: true, aborted: false, upgrade: null };
      const sent = { request, socket, headers: 'GET / HTTP/1.1\r\nhost: a.test\r\nconnection: keep-alive\r\n' };
      return { request, sent, answer: { request, response } };
    });
    return alternating(exchanges, ({ request, sent, answer }) => {
      request.completed = false;
      sendHeaders.publish(sent);
      socket.bytesRead += 100;
      answered.publish(answer);
      request.completed = true;
    });
  };
}

function nodeHttp(): () => void {
  const agent = new Agent({ keepAlive: true });
  const response = { complete: true, httpVersion: '1.1', headers: { 'keep-alive': 'timeout=5' } };
  const created = channel('http.client.request.created');
  const started = channel('http.client.request.start');
  const answered = channel('http.client.response.finish');
  const makeRequest = (socket: Socket | null, reusedSocket: boolean) => ({
    agent,
    socket,
    host: 'a.test',
    protocol: 'http:',
    method: 'GET',
    path: '/',
    destroyed: false,
    reusedSocket,
    getHeader: (name: string) => (name === 'host' ? 'a.test:80' : undefined),
  });

  const socket = new Socket();
  channel('net.client.socket').publish({ socket });
  created.publish({ request: makeRequest(null, false) });
  socket.emit('connectionAttempt', '127.0.0.1', 80, 4);
  socket.connecting = false;
  socket.emit('connect');
  // another connection of the agent is idle, as in real life
  Object.assign(agent.freeSockets, { 'a.test:80:': [new Socket()] });

  const exchanges = [1, 2].map(() => {
    const request = makeRequest(socket, true);
    return { request, sent: { request }, answer: { request, response } };
  });
  return alternating(exchanges, ({ request, sent, answer }) => {
    request.destroyed = false;
    created.publish(sent);
    started.publish(sent);
    socket.bytesRead += 100;
    answered.publish(answer);
    request.destroyed = true;
    socket.emit('free');
  });
}

function http2(): () => void {
  const session = Object.assign(new EventEmitter(), { socket: connected() });
  const started = channel('http2.client.stream.start');
  const closed = channel('http2.client.stream.close');
  const message = { stream: { id: 1, session } };
  return () => {
    started.publish(message);
    closed.publish(message);
  };
}

/** Two in turn: a request is told from the one before it by its identity. */
function alternating<T>(two: readonly T[], play: (each: T) => void): () => void {
  let turn = 0;
  return () => play(two[turn++ & 1] as T);
}

const ROWS: readonly Row[] = [
  {
    client: 'undici, `fetch`',
    events: 'sendHeaders, request:headers',
    open: undici('Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'Content-Length', '5'),
  },
  {
    client: 'undici, an Apache answers',
    events: 'sendHeaders, request:headers',
    open: undici('Keep-Alive', 'timeout=5, max=100', 'Connection', 'Keep-Alive', 'Content-Length', '5'),
  },
  { client: 'node:http', events: 'created, start, response.finish, free', open: nodeHttp },
  { client: 'node:http2', events: 'stream.start, stream.close', open: http2 },
];

const CHANNELS = [
  'net.client.socket',
  'undici:client:beforeConnect',
  'undici:client:connected',
  'undici:client:sendHeaders',
  'undici:request:headers',
  'http.client.request.created',
  'http.client.request.start',
  'http.client.request.error',
  'http.client.response.finish',
  'http2.client.stream.start',
  'http2.client.stream.close',
];

/** The floor: subscribers, and a listener on the socket, that do nothing. */
function subscribeNothing(): void {
  for (const name of CHANNELS) {
    subscribe(name, message => {
      if (name === 'net.client.socket') (message as { socket: Socket }).socket.on('free', () => {});
    });
  }
}

class HandReader extends MetricReader {
  protected override async onForceFlush() {}
  protected override async onShutdown() {}
}

/** Starts connmeter; returns what tells how many requests it has counted. */
function subscribeConnmeter(): () => Promise<number> {
  const reader = new HandReader();
  new ConnectionInstrumentation().setMeterProvider(new MeterProvider({ readers: [reader] }));
  return async () => {
    const { resourceMetrics } = await reader.collect();
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics);
    const counted = metrics.find(({ descriptor }) => descriptor.name === 'connmeter.requests')?.dataPoints ?? [];
    return counted.reduce((total, { value }) => total + (value as number), 0);
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}

async function measured({ open }: Row, withConnmeter: boolean): Promise<Result> {
  const count = withConnmeter ? subscribeConnmeter() : undefined;
  if (count === undefined) subscribeNothing();
  const request = open();
  await nextRound();
  for (let i = 0; i < WARM_UP; i++) request();

  let collections = 0;
  const observer = new PerformanceObserver(list => {
    collections += list.getEntries().length;
  });
  let nanoseconds = Infinity;
  const bytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    await nextRound();
    observer.observe({ entryTypes: ['gc'] });
    const used = process.memoryUsage().heapUsed;
    const began = performance.now();
    for (let i = 0; i < REQUESTS; i++) request();
    nanoseconds = Math.min(nanoseconds, ((performance.now() - began) * 1e6) / REQUESTS);
    bytes.push((process.memoryUsage().heapUsed - used) / REQUESTS);
    await nextRound();
    observer.disconnect();
  }

  const expected = WARM_UP + ROUNDS * REQUESTS;
  const counted = (await count?.()) ?? expected;
  if (counted !== expected) throw new Error(`counted ${counted} of ${expected} requests: this measures something else`);
  return { nanoseconds, bytes: median(bytes), collections };
}

async function inProcessOfItsOwn(row: number, withConnmeter: boolean): Promise<Result> {
  const child = fork(import.meta.filename, [String(row), String(withConnmeter)], { execArgv: NODE });
  const result = once(child, 'message');
  const [code] = await once(child, 'exit');
  if (code !== 0) process.exit(1); // it has said why
  return (await result)[0] as Result;
}

const [row, withConnmeter] = process.argv.slice(2);
if (row !== undefined) {
  process.send?.(await measured(ROWS[Number(row)] as Row, withConnmeter === 'true'));
} else {
  console.log(
    `Node ${process.version}, per request on a reused connection; each cell is the floor -> with connmeter\n`,
  );
  console.log('| client | events per request | time, ns | allocated, bytes | collections in 5 million |');
  console.log('|---|---|---|---|---|');
  for (const [index, { client, events }] of ROWS.entries()) {
    const [floor, ours] = [await inProcessOfItsOwn(index, false), await inProcessOfItsOwn(index, true)];
    const pair = (of: (result: Result) => number | string) => `${of(floor)} -> ${of(ours)}`;
    const cells = [
      pair(r => Math.round(r.nanoseconds)),
      pair(r => (Math.round(r.bytes * 10) / 10 + 0).toFixed(1)),
      pair(r => r.collections),
    ];
    console.log(`| ${[client, events, ...cells].join(' | ')} |`);
  }
}
