// Connects to a name with an IPv6 and an IPv4 address, where the first one refuses or does not answer.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type LookupFunction } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { certificate } from '../certificates.ts';
import { freePort } from '../free-port.ts';
import { tcpCounters } from '../kernel.ts';
import { errorCode, instrument, sendReport } from './program.ts';
import { echoOnce, readToEnd, runAll, shuffled } from './requests.ts';
import { serve } from './servers.ts';

export interface TwoFamiliesReport {
  /** Growth of the kernel's TcpActiveOpens. */
  readonly activeOpens: number;
  /** Connections that the servers accepted, all over IPv4. */
  readonly accepts: number;
  readonly endings: Record<string, number>;
}

const host = 'name.test';
const trusted = await certificate({ names: [host] });
const { cert: ca } = trusted;
const plain = await serve({ kind: 'http' });
const secure = await serve({ kind: 'https', certificate: trusted });
const echo = await serve({ kind: 'tcp' });
const refused = await freePort('::');
const full = fork(fileURLToPath(new URL('./full-server.ts', import.meta.url)), [JSON.stringify(['::1', echo.port])]);
await once(full, 'message');

const lookup: LookupFunction = (_host, _options, callback) => {
  setImmediate(callback, null, [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]);
};
/** Longer than a busy machine takes to refuse a connection. */
const patient = { host, lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 5_000 };
const hasty = { ...patient, autoSelectFamilyAttemptTimeout: 100 };

async function undici(url: string): Promise<void> {
  const dispatcher = new Agent({ connect: { ...patient, ca } });
  try {
    await (await request(url, { dispatcher })).body.text();
  } finally {
    await dispatcher.close();
  }
}

const before = tcpCounters();
const readMetrics = instrument();
// These fill the backlog of the server that does not accept: the kernel allows one more than its size.
const queued = await Promise.all(
  [1, 2].map(async () => {
    const socket = net.connect(echo.port, '::1');
    await once(socket, 'connect');
    return socket;
  }),
);

/** Number of repetitions, and the job. */
const KINDS: readonly (readonly [number, () => Promise<unknown>])[] = [
  [100, () => readToEnd(http.get({ ...patient, port: plain.port, agent: false }))],
  [50, () => readToEnd(https.get({ ...patient, port: secure.port, agent: false, ca }))],
  [50, () => undici(`http://${host}:${plain.port}/`)],
  [30, () => undici(`https://${host}:${secure.port}/`)],
  [50, () => echoOnce(net.connect({ ...patient, port: plain.port }))],
  [40, () => readToEnd(http.get({ ...patient, port: refused, agent: false }))],
  [20, () => undici(`http://${host}:${refused}/`)],
  [20, () => echoOnce(net.connect({ ...hasty, port: echo.port }))],
];
const jobs = shuffled(KINDS.flatMap(([times, run]) => Array.from({ length: times }, () => run)));
const endings = await runAll(jobs, 16, errorCode);

const metrics = await readMetrics(); // some connections are still open
for (const socket of queued) socket.destroy();
const { activeOpens } = tcpCounters();
const seen = await Promise.all([plain, secure, echo].map(server => server.seen()));
for (const server of [plain, secure, echo]) server.end();
full.kill('SIGKILL');

sendReport({
  metrics,
  activeOpens: activeOpens - before.activeOpens,
  accepts: seen.reduce((sum, { accepts }) => sum + accepts, 0),
  endings,
});
