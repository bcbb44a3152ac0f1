// heap-after-close.ts <task>: makes requests with every client, leaves the connections idle, then closes them. Reports how
// many sockets, sessions, requests and responses the heap still holds. Runs with and without connmeter.
import '../../soak/built-in-fetch.ts';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { queryObjects } from 'node:v8';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { Scrapes } from '../../soak/scrapes.ts';

type Counts = Record<string, number>;

export interface HeapAfterClose {
  /** Number of sockets, streams, requests and responses created. */
  readonly made: number;
  /** How many of them are left while the connections are open and idle. */
  readonly whileIdle: Counts;
  /** Increase of the object counts in the heap once the connections are closed. */
  readonly afterClose: Counts;
  readonly faults: readonly string[];
}

const task = JSON.parse(process.argv[2] as string) as {
  measured: boolean;
  http: number;
  https: number;
  http2: number;
  tcp: number;
  ca: string;
};
const TIMES = 12;
const { ca } = task;
const scrapes = task.measured ? new Scrapes() : undefined;
const undicis = {
  undici6: undici6 as unknown as typeof undici8,
  undici7: undici7 as unknown as typeof undici8,
  undici8,
};

/** Classes whose objects in the heap are counted; undici exposes the class of its requests only in its messages. */
const classes: Record<string, new (...args: never[]) => object> = {
  Socket: net.Socket,
  TLSSocket: tls.TLSSocket,
  ClientRequest: http.ClientRequest,
  IncomingMessage: http.IncomingMessage,
};
/** Weak references to every object created, so that checking them is cheap. */
const seen: WeakRef<object>[] = [];
for (const [channel, field] of [
  ['net.client.socket', 'socket'],
  ['http.client.request.created', 'request'],
  ['http.client.response.finish', 'response'],
  ['http2.client.stream.created', 'stream'],
  ['undici:request:create', 'request'],
] as const) {
  subscribe(channel, message => void seen.push(new WeakRef((message as Record<string, object>)[field] as object)));
}
let copy = 'fetch';
subscribe('undici:request:create', message => {
  const { request } = message as { request: object };
  classes[`Request of ${copy}`] ??= request.constructor as (typeof classes)[string];
});

/** Number of objects in the heap, by class. */
function inHeap(): Counts {
  const count = ([name, of]: [string, object]) => [name, queryObjects(of as never, { format: 'count' })];
  return Object.fromEntries(Object.entries(classes).map(count));
}

/** How many created objects are left after several garbage collections, by class. Finalizers run in between. */
async function left(enough: number): Promise<Counts> {
  for (let tries = 0; tries < 10 && alive().length > enough; tries++) {
    await scrapes?.read();
    await new Promise(resolve => setTimeout(resolve, 20)); // a dereferenced WeakRef keeps its target until the turn ends
    (globalThis.gc as () => void)();
  }
  const counts: Counts = {};
  for (const each of alive()) counts[each.constructor.name] = (counts[each.constructor.name] ?? 0) + 1;
  return counts;
}

function alive(): object[] {
  return seen.map(each => each.deref()).filter(each => each !== undefined);
}

const url = (scheme: string, port: number) => `${scheme}://127.0.0.1:${port}/`;
const httpAgent = new http.Agent({ keepAlive: true });
const httpsAgent = new https.Agent({ keepAlive: true, ca });
const agents = Object.values(undicis).map(({ Agent }) => new Agent({ connect: { ca }, keepAliveTimeout: 600_000 }));
const kept: (net.Socket | http2.ClientHttp2Session)[] = [];

async function asked(request: http.ClientRequest): Promise<void> {
  const [answer] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(answer.resume(), 'close');
}

async function allTraffic(): Promise<void> {
  const session = http2.connect(url('https', task.http2), { ca });
  kept.push(session);
  for (let i = 0; i < TIMES; i++) {
    copy = 'fetch';
    await (await fetch(url('http', task.http))).text();
    await (await fetch(url('http', task.http), { signal: AbortSignal.timeout(10_000) })).body?.cancel();
    for (const [at, [name, { request }]] of Object.entries(undicis).entries()) {
      copy = name;
      const dispatcher = agents[at] as undici8.Agent;
      await (await request(url('http', task.http), { dispatcher })).body.text();
      await (await request(url('https', task.https), { dispatcher })).body.text();
      await (await request(url('https', task.http2), { dispatcher })).body.text();
      await (await request(`${url('http', task.http)}close`, { dispatcher })).body.text();
    }
    await asked(http.get(url('http', task.http), { agent: httpAgent }));
    await asked(http.get(url('http', task.http), { agent: false }));
    await asked(https.get(url('https', task.https), { agent: httpsAgent }));
    const stream = session.request({ ':path': '/' });
    await once(stream.resume(), 'close');
    const socket = net.connect(task.tcp, '127.0.0.1');
    await once(socket, 'connect');
    if (i < 3) kept.push(socket);
    else await once(socket.destroy(), 'close');
  }
}

await (await fetch(url('http', task.http))).text(); // creates the objects that a process creates only once
const before = inHeap();
seen.length = 0;
await allTraffic();
const made = seen.length;
const whileIdle = await left(0);

httpAgent.destroy();
httpsAgent.destroy();
await Promise.all(agents.map(agent => agent.destroy()));
for (const each of kept.splice(0)) each.destroy();
for (const symbol of Object.getOwnPropertySymbols(globalThis)) {
  if (String(symbol).includes('undici.globalDispatcher')) {
    await (globalThis as unknown as Record<symbol, { destroy?(): Promise<void> }>)[symbol]?.destroy?.();
  }
}
await left(0);
await new Promise(resolve => setTimeout(resolve, 20));
const after = inHeap();
const afterClose = Object.fromEntries(
  Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]),
);
const told: HeapAfterClose = { made, whileIdle, afterClose, faults: scrapes?.warnings ?? [] };
process.stdout.write(JSON.stringify(told), () => process.exit());
