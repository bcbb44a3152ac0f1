// Runs clients and servers of all kinds in one process, measures both, and reports what the kernel counted.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import tls from 'node:tls';
import { certificate } from '../certificates.ts';
import { tcpCounters } from '../kernel.ts';
import { errorCode, eventually, instrument, sendReport, total } from './program.ts';
import { echoOnce, readToEnd, runAll, shuffled } from './requests.ts';

export interface BothSidesReport {
  readonly activeOpens: number;
  readonly passiveOpens: number;
  readonly endings: Record<string, number>;
}

const AT_ONCE = 24;

const { key, cert } = await certificate();
const readMetrics = instrument();

const answer: http.RequestListener = (request, response) => {
  if (request.url === '/close') response.setHeader('connection', 'close');
  if (request.url === '/drop') request.socket.destroy();
  else response.end('hello');
};
const echo = (socket: net.Socket) => void socket.on('error', () => {}).pipe(socket);

async function listening(server: net.Server): Promise<number> {
  await once(server.listen(0), 'listening');
  return (server.address() as AddressInfo).port;
}

const full = net.createServer(echo);
full.maxConnections = 1;
const web = http.createServer(answer);
const servers = [
  web,
  https.createServer({ key, cert }, answer),
  http2.createSecureServer({ key, cert, allowHTTP1: true }, answer as never),
  http2.createServer(answer as never),
  net.createServer(echo),
  tls.createServer({ key, cert }, echo),
  full,
];
const [plain, secure, both, clear, tcpPort, tlsPort, fullPort] = await Promise.all(servers.map(listening));

const agents = [
  new http.Agent({ keepAlive: true, maxSockets: 8 }),
  new https.Agent({ keepAlive: true, maxSockets: 8, ca: cert }),
];
const [keepAlive, keepAliveTls] = agents as [http.Agent, https.Agent];
const HOSTS = ['127.0.0.1', '127.0.0.2', '::1'];
let turn = 0;
const host = () => HOSTS[turn++ % HOSTS.length] as string;

async function streams(url: string): Promise<void> {
  const session = http2.connect(url, { ca: cert, servername: 'localhost' });
  await Promise.all([1, 2, 3].map(() => once(session.request({ ':path': '/' }).resume(), 'end')));
  session.close();
  await once(session, 'close');
}

const tlsOptions = { ca: cert, servername: 'localhost' };
const KINDS: readonly (readonly [number, () => Promise<unknown>])[] = [
  [150, () => readToEnd(http.get({ host: host(), port: plain, agent: false }))],
  [150, () => readToEnd(http.get({ host: host(), port: plain, agent: keepAlive }))],
  [50, () => readToEnd(http.get({ host: host(), port: plain, agent: keepAlive, path: '/close' }))],
  [25, () => readToEnd(http.get({ host: host(), port: plain, agent: keepAlive, path: '/drop' }))],
  [100, async () => (await fetch(`http://127.0.0.1:${plain}/`)).text()],
  [50, () => readToEnd(https.get({ host: host(), port: secure, agent: false, ...tlsOptions }))],
  [50, () => readToEnd(https.get({ host: host(), port: secure, agent: keepAliveTls, ...tlsOptions }))],
  [25, () => readToEnd(https.get({ host: host(), port: both, agent: false, ...tlsOptions }))],
  [25, () => streams(`https://127.0.0.1:${both}/`)],
  [25, () => streams(`http://127.0.0.1:${clear}/`)],
  [100, () => echoOnce(net.connect(tcpPort as number, host()))],
  [25, () => echoOnce(tls.connect({ port: tlsPort as number, host: host(), ...tlsOptions }))],
  // Handshakes that fail: the certificate is not trusted, or the other side does not speak TLS.
  [25, () => readToEnd(https.get({ host: host(), port: secure, agent: false }))],
  [10, () => readToEnd(https.get({ host: host(), port: plain, agent: false }))],
  [10, () => readToEnd(http.get({ host: host(), port: secure, agent: false }))],
  // Exceeds the server's maxConnections: the kernel has already accepted these connections.
  [10, () => echoOnce(net.connect(fullPort as number, host()))],
];

const before = tcpCounters();
const kept = net.connect(fullPort as number, '127.0.0.1');
await once(kept, 'connect');
const jobs = shuffled(KINDS.flatMap(([times, run]) => Array.from({ length: times }, () => run)));
const endings = await runAll(jobs, AT_ONCE, errorCode);
for (const agent of agents) agent.destroy();
kept.destroy();
web.closeIdleConnections(); // those that fetch keeps open

const metrics = await eventually(
  readMetrics,
  seen =>
    total(seen, 'connmeter.server.connection.accepted') === total(seen, 'connmeter.server.connection.closed') &&
    total(seen, 'connmeter.connection.opened') === total(seen, 'connmeter.connection.closed'),
);
const { activeOpens, passiveOpens } = tcpCounters();
sendReport({
  metrics,
  activeOpens: activeOpens - before.activeOpens,
  passiveOpens: passiveOpens - before.passiveOpens,
  endings,
});
for (const server of servers) server.close();
