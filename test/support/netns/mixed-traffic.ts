// Opens thousands of connections of many kinds to servers in other processes, and reports what the kernel and they counted.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { Client as Client8 } from 'undici';
import { Client as Client6 } from 'undici6';
import { Client as Client7 } from 'undici7';
import { certificate } from '../certificates.ts';
import { freePort } from '../free-port.ts';
import { tcpCounters } from '../kernel.ts';
import { errorCode, eventually, instrument, sendReport, total } from './program.ts';
import { echoOnce, readToEnd, runAll, shuffled } from './requests.ts';
import { serve } from './servers.ts';

export interface MixedReport {
  /** Growth of the kernel's TcpActiveOpens: during ten collections, and during the whole workload. */
  readonly activeOpens: { byReading: number; byAll: number };
  /** Connections the kernel holds established, before and after. */
  readonly established: { before: number; after: number };
  /** What all servers accepted, except the one whose clients may give up before they are accepted. */
  readonly accepts: number;
  readonly jobs: number;
  readonly succeeded: number;
  /** Number of failures, by error code. */
  readonly failures: Record<string, number>;
}

const AT_ONCE = 32;

const trusted = await certificate();
const otherName = await certificate({ names: ['elsewhere.test'] });
const plain = await serve({ kind: 'http', keepAliveTimeout: 60_000 });
const secure = await serve({ kind: 'https', certificate: trusted, keepAliveTimeout: 60_000 });
const both = await serve({ kind: 'http2', certificate: trusted });
const h2c = await serve({ kind: 'http2c' });
const echo = await serve({ kind: 'tcp' });
const echoTls = await serve({ kind: 'tls', certificate: otherName });
const hasty = await serve({ kind: 'tcp' });
const refused = await freePort();
const { cert: ca } = trusted;

const agents = [
  new http.Agent({ keepAlive: true, maxSockets: 10 }),
  new https.Agent({ keepAlive: true, maxSockets: 10, ca }),
] as const;
const [keepAlive, keepAliveTls] = agents;

const closed = (socket: net.Socket) => new Promise<void>(resolve => void socket.once('close', () => resolve()));

async function fetchIt(url: string): Promise<void> {
  await (await fetch(url)).text();
}

/** The common interface of the undici 6, 7 and 8 clients. */
type UndiciClient = new (
  origin: string,
  options: { connect: { ca?: string } },
) => {
  request(options: { method: 'GET'; path: string }): Promise<{ body: { text(): Promise<string> } }>;
  close(): Promise<void>;
};

async function ownClient(Client: UndiciClient, url: string, trust?: string): Promise<void> {
  const client = new Client(new URL(url).origin, { connect: trust === undefined ? {} : { ca: trust } });
  try {
    const { body } = await client.request({ method: 'GET', path: '/' });
    await body.text();
  } finally {
    await client.close();
  }
}

async function streams(url: string, trust?: string): Promise<void> {
  const session = http2.connect(url, trust === undefined ? {} : { ca: trust });
  const failed = once(session, 'error').then(([error]) => Promise.reject(error));
  const done = Promise.all(
    [1, 2, 3].map(() =>
      once(
        session
          .request({ ':path': '/' })
          .on('error', () => {})
          .resume(),
        'end',
      ),
    ),
  );
  try {
    await Promise.race([failed, done.catch(() => failed)]); // the session's error is more specific than a stream's
  } finally {
    failed.catch(() => {});
    const end = session.destroyed ? undefined : once(session, 'close');
    session.close();
    await end;
  }
}

const http1 = (port: number, path = '/') => `http://127.0.0.1:${port}${path}`;
const tls1 = (port: number) => `https://127.0.0.1:${port}/`;

/** Number of repetitions, and the job. */
const KINDS: readonly (readonly [number, () => Promise<unknown>])[] = [
  [300, () => fetchIt(http1(plain.port))],
  [300, () => ownClient(Client8, http1(plain.port))],
  [200, () => ownClient(Client7, http1(plain.port))],
  [200, () => ownClient(Client6, http1(plain.port))],
  [400, () => readToEnd(http.get(http1(plain.port), { agent: false }))],
  [200, () => readToEnd(http.get(http1(plain.port), { agent: keepAlive }))],
  [50, () => readToEnd(http.get(http1(plain.port, '/close'), { agent: keepAlive }))],
  [50, () => readToEnd(http.get(http1(plain.port, '/drop'), { agent: keepAlive }))],
  [200, () => readToEnd(https.get(tls1(secure.port), { agent: false, ca }))],
  [100, () => readToEnd(https.get(tls1(secure.port), { agent: keepAliveTls }))],
  [100, () => ownClient(Client8, tls1(secure.port), ca)],
  [150, () => streams(http1(h2c.port))],
  [100, () => streams(tls1(both.port), ca)],
  [400, () => echoOnce(net.connect(echo.port, '127.0.0.1'))],
  [50, () => echoOnce(tls.connect({ port: echoTls.port, host: '127.0.0.1', rejectUnauthorized: false }))],

  // Handshakes that fail: untrusted certificate, wrong name, or a peer that does not speak TLS.
  [100, () => readToEnd(https.get(tls1(secure.port), { agent: false }))],
  [50, () => fetchIt(tls1(secure.port))],
  [50, () => ownClient(Client8, tls1(secure.port))],
  [50, () => ownClient(Client7, tls1(both.port))],
  [30, () => streams(tls1(both.port))],
  [50, () => echoOnce(tls.connect({ port: secure.port, host: '127.0.0.1', servername: 'localhost.test', ca }))],
  [50, () => readToEnd(https.get(tls1(plain.port), { agent: false }))],

  // Ports that refuse connections.
  [150, () => echoOnce(net.connect(refused, '127.0.0.1'))],
  [100, () => readToEnd(http.get(http1(refused), { agent: false }))],
  [100, () => ownClient(Client8, http1(refused))],
  [50, () => fetchIt(http1(refused))],

  // Clients that give up: before connecting (in a promise turn, in a callback turn), while connecting, in the handshake.
  [50, () => closed(undone())],
  [50, () => new Promise<void>(resolve => setImmediate(() => closed(undone()).then(resolve)))],
  [50, () => closed(dropped(net.connect(hasty.port, '127.0.0.1'), 'connectionAttempt'))],
  [50, () => closed(dropped(tls.connect({ port: secure.port, host: '127.0.0.1', ca }), 'connect'))],
];

function undone(): net.Socket {
  return net.connect(hasty.port, '127.0.0.1').destroy();
}

function dropped(socket: net.Socket, event: string): net.Socket {
  return socket.on('error', () => {}).once(event, () => process.nextTick(() => socket.destroy()));
}

const before = tcpCounters();
const readMetrics = instrument();
for (let i = 0; i < 10; i++) await readMetrics();
const byReading = tcpCounters().activeOpens - before.activeOpens;

const jobs = shuffled(KINDS.flatMap(([times, run]) => Array.from({ length: times }, () => run)));
const { ok: succeeded = 0, ...failures } = await runAll(jobs, AT_ONCE, errorCode);

for (const agent of agents) agent.destroy();
await plain.drop(); // the connections that fetch keeps open
const metrics = await eventually(
  readMetrics,
  seen => total(seen, 'connmeter.connection.opened') === total(seen, 'connmeter.connection.closed'),
);
const after = await eventually(
  async () => tcpCounters(),
  ({ established }) => established === before.established,
);
const seen = await Promise.all([plain, secure, both, h2c, echo, echoTls].map(server => server.seen()));
for (const server of [plain, secure, both, h2c, echo, echoTls, hasty]) server.end();

sendReport({
  metrics,
  activeOpens: { byReading, byAll: after.activeOpens - before.activeOpens },
  established: { before: before.established, after: after.established },
  accepts: seen.reduce((sum, { accepts }) => sum + accepts, 0),
  jobs: jobs.length,
  succeeded,
  failures,
});
