// heap-after-requests.ts <task>: makes requests of each kind whose connections stay open, and reports how many of their
// objects are still in the heap. Nothing scrapes meanwhile. Runs with and without connmeter.
import '../../soak/built-in-fetch.ts';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { ConnectionInstrumentation } from '../../../src/index.ts';

/** How many objects were created and how many are left, by use. */
type LeftInHeap = Record<string, { made: number; left: number }>;

export interface Outcome {
  readonly uses: LeftInHeap;
  /** kB of header text that are left, of 1,000. */
  readonly headers: number;
}

const task = JSON.parse(process.argv[2] as string) as {
  measured: boolean;
  http: number;
  https: number;
  http2: number;
  silent: number;
  ca: string;
};
if (task.measured) new ConnectionInstrumentation();

const TIMES = 20; // more than connmeter keeps in its list of requests
const { ca } = task;
const HERE = '127.0.0.1';
const url = `http://${HERE}:${task.http}`;
const [undiciOf6, undiciOf7] = [undici6, undici7] as unknown as (typeof undici8)[] as [typeof undici8, typeof undici8];
/** Keeps open connections from being garbage-collected. */
const open: object[] = [];

let seen: WeakRef<object>[] = [];
const see = <T extends object>(made: T): T => {
  seen.push(new WeakRef(made));
  return made;
};
for (const [channel, field] of [
  ['http.client.request.created', 'request'],
  ['http.client.response.finish', 'response'],
  ['http2.client.stream.created', 'stream'],
  ['undici:request:create', 'request'],
  ['http.server.request.start', 'request'],
  ['http.server.request.start', 'response'],
] as const) {
  subscribe(channel, message => void see((message as Record<string, object>)[field] as object));
}

const atOnce = async (each: (i: number) => Promise<unknown>) => {
  await Promise.all(Array.from({ length: TIMES }, (_, i) => each(i)));
};
const answered = async (request: http.ClientRequest) => {
  const big = see(Buffer.alloc(1_000, 1)); // referenced by the program's listener
  request.on('error', () => big[0]);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  await once(response.resume(), 'close');
};
const keep = <T extends object>(what: T): T => {
  open.push(what);
  return what;
};
const keepAlive = (options = {}) => keep(new http.Agent({ keepAlive: true, ...options }));
const failing = (request: http.ClientRequest) => new Promise<void>(resolve => request.on('error', () => resolve()));

/** Creates a client, and returns the action that is repeated with it. */
type Use = () => () => Promise<unknown>;

const undiciUses = (name: string, { Agent, Pool, Client, ProxyAgent, request, upgrade }: typeof undici8) => {
  const uses: Record<string, Use> = {
    uploads: () => {
      const dispatcher = keep(new Agent());
      const upload = { dispatcher, method: 'POST', body: 'x'.repeat(100_000) } as const;
      return () => atOnce(async () => (await request(`${url}/echo`, upload)).body.text());
    },
    'one after another, HEAD in between': () => {
      const dispatcher = keep(new Pool(url, { connections: 1 }));
      return async () => {
        for (let i = 0; i < TIMES; i++) {
          await (await request(url, { dispatcher, method: i % 3 === 0 ? 'HEAD' : 'GET' })).body.text();
        }
      };
    },
    pipelined: () => {
      const dispatcher = keep(new Client(url, { pipelining: 10 }));
      return () => atOnce(async () => (await request(`${url}/late`, { dispatcher })).body.text());
    },
    aborted: () => {
      const dispatcher = keep(new Agent());
      const hang = (signal: AbortSignal) => request(`${url}/hang`, { dispatcher, signal }).catch(() => {});
      return () => atOnce(i => hang(AbortSignal.timeout(10 + i)));
    },
    'through a proxy': () => {
      const dispatcher = keep(
        new ProxyAgent({ uri: url, proxyTunnel: true, requestTls: { ca } } as undici8.ProxyAgent.Options),
      );
      return () => atOnce(async () => (await request(`https://${HERE}:${task.https}/`, { dispatcher })).body.text());
    },
    'HTTP/2': () => {
      const dispatcher = keep(new Agent({ allowH2: true, connect: { ca } }));
      return () => atOnce(async () => (await request(`https://${HERE}:${task.http2}/`, { dispatcher })).body.text());
    },
    upgraded: () => {
      const dispatcher = keep(new Agent());
      return () => atOnce(async () => keep((await upgrade(url, { dispatcher, protocol: 'echo' })).socket));
    },
  };
  return Object.fromEntries(Object.entries(uses).map(([use, start]) => [`${name}: ${use}`, start]));
};

const USES: Record<string, Use> = {
  'node:http': () => {
    const agent = keepAlive();
    return () => atOnce(() => answered(http.get(url, { agent })));
  },
  'node:http: uploads': () => {
    const agent = keepAlive();
    const upload = () => http.request(`${url}/echo`, { agent, method: 'POST' }).end('x'.repeat(100_000));
    return () => atOnce(() => answered(upload()));
  },
  'node:http: answered before the upload ends': () => {
    const agent = keepAlive();
    return () =>
      atOnce(async () => {
        const request = http.request(`${url}/`, { agent, method: 'POST' });
        const over = answered(request);
        request.write('x');
        await sleep(50);
        request.end('x');
        await over;
      });
  },
  'node:http: waiting for one connection': () => {
    const agent = keepAlive({ maxSockets: 1 });
    return () => atOnce(() => answered(http.get(url, { agent })));
  },
  'node:http: given up at once': () => () => {
    const agent = keepAlive();
    return atOnce(async () => {
      const request = http.get(url, { agent });
      const over = failing(request);
      request.destroy();
      await over;
    });
  },
  'node:http: given up while it connects': () => () => {
    const agent = keepAlive();
    return atOnce(async () => {
      const request = http.get(url, { agent });
      const over = failing(request);
      process.nextTick(() => request.destroy());
      await over;
    });
  },
  'node:http: never answered': () => {
    const agent = keepAlive();
    return () =>
      atOnce(async () => {
        const request = http.get(`http://${HERE}:${task.silent}/`, { agent, timeout: 20 });
        const over = failing(request);
        request.on('timeout', () => request.destroy());
        await over;
      });
  },
  'node:http: cut off': () => {
    const agent = keepAlive();
    return () => atOnce(() => failing(http.get(`${url}/drop`, { agent })));
  },
  'node:http: upgraded': () => () => {
    const agent = see(new http.Agent({ keepAlive: true }));
    return atOnce(async () => {
      const request = http.get(url, { agent, headers: { connection: 'Upgrade', upgrade: 'echo' } });
      const [, socket] = await once(request, 'upgrade');
      keep(socket);
    });
  },
  'node:http: CONNECT': () => () => {
    const agent = see(new http.Agent({ keepAlive: true }));
    const tunnel = { host: HERE, port: task.http, method: 'CONNECT', path: `${HERE}:${task.silent}`, agent };
    return atOnce(async () => {
      const [, socket] = await once(http.request(tunnel).end(), 'connect');
      keep(socket);
    });
  },
  'node:https': () => {
    const agent = keep(new https.Agent({ keepAlive: true, ca }));
    return () => atOnce(() => answered(https.get(`https://${HERE}:${task.https}/`, { agent })));
  },
  'node:http2': () => {
    const session = keep(http2.connect(`https://${HERE}:${task.http2}`, { ca }));
    return () => atOnce(() => once(session.request().resume(), 'close'));
  },
  'a server of node:http': () => {
    const server = keep(http.createServer({ keepAliveTimeout: 60_000 }));
    server.on('request', (request, response) => request.on('end', () => response.end('echo')).resume());
    server.listen(0, HERE);
    const sockets = Array.from({ length: TIMES }, async () => {
      await once(server, 'listening');
      return keep(net.connect((server.address() as AddressInfo).port, HERE));
    });
    return () =>
      atOnce(async i => {
        const socket = (await sockets[i]) as net.Socket;
        socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody');
        await once(socket, 'data');
      });
  },
  fetch: () => () => atOnce(async () => (await fetch(url)).text()),
  'fetch: uploads': () => () =>
    atOnce(async () => (await fetch(`${url}/echo`, { method: 'POST', body: see(Buffer.alloc(100_000)) })).text()),
  'fetch: bodies cancelled': () => () => atOnce(async () => (await fetch(`${url}/large`)).body?.cancel()),
  'fetch: aborted': () => () =>
    atOnce(i => fetch(`${url}/hang`, { signal: AbortSignal.timeout(10 + i) }).catch(() => {})),
  WebSocket: () => () =>
    atOnce(async () => {
      const socket = keep(new WebSocket(url.replace('http', 'ws')));
      await new Promise(resolve => {
        socket.onopen = resolve;
      });
    }),
  ...undiciUses('undici 6', undiciOf6),
  ...undiciUses('undici 7', undiciOf7),
  ...undiciUses('undici 8', undici8),
};

/** How many objects are left after several collections: a dereferenced WeakRef keeps its target until the turn ends. */
async function left(): Promise<number> {
  let alive = seen.length;
  for (let tries = 0; tries < 15 && alive > 0; tries++) {
    await sleep(20);
    (globalThis.gc as () => void)();
    alive = seen.filter(each => each.deref() !== undefined).length;
  }
  return alive;
}

/** By how many kB the heap grows where each of 100 connections has sent 10 kB of headers, and is idle. */
async function kilobytesOfHeaders(): Promise<number> {
  const dispatcher = keep(new undici8.Agent());
  const ask = async (length: number) => {
    const asked = Array.from({ length: 100 }, async (_, i) => {
      const headers = { 'x-text': Buffer.alloc(length, `${i}`).toString('latin1') };
      return (await undici8.request(`${url}/late`, { dispatcher, headers })).body.text();
    });
    await Promise.all(asked);
    for (let i = 0; i < 5; i++) {
      await sleep(20);
      (globalThis.gc as () => void)();
    }
    return process.memoryUsage().heapUsed;
  };
  await ask(1);
  const before = await ask(1);
  return ((await ask(10_000)) - before) / 1_000;
}

const told: LeftInHeap = {};
for (const [name, start] of Object.entries(USES)) {
  const use = start();
  await use(); // Node itself keeps the request that opened a connection
  seen = [];
  await use();
  const made = seen.length;
  told[name] = { made, left: await left() };
}
const outcome: Outcome = { uses: told, headers: await kilobytesOfHeaders() };
process.stdout.write(JSON.stringify(outcome), () => process.exit());
