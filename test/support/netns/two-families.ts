// Connections to a name with an address of either family, where the first one refuses, or says nothing at all.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type LookupFunction } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { certificate } from '../certificates.ts';
import { tcp } from './kernel.ts';
import { codeOf, measured, report } from './measured.ts';
import { read, refusingPort, runAll, shuffled, talk } from './requests.ts';
import { serve } from './servers.ts';

export interface TwoFamiliesReport {
  /** Growth of the kernel's TcpActiveOpens. */
  readonly activeOpens: number;
  /** What the servers accepted, all of it over IPv4. */
  readonly accepts: number;
  readonly endings: Record<string, number>;
}

const host = 'name.test';
const trusted = await certificate({ names: [host] });
const { cert: ca } = trusted;
const plain = await serve({ kind: 'http' });
const secure = await serve({ kind: 'https', certificate: trusted });
const echo = await serve({ kind: 'tcp' });
const refused = await refusingPort();
const full = fork(fileURLToPath(new URL('./full-server.ts', import.meta.url)), [JSON.stringify(['::1', echo.port])]);
await once(full, 'message');

const lookup: LookupFunction = (_host, _options, callback) => {
  setImmediate(callback, null, [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]);
};
/** Waits for each address longer than a busy machine takes to refuse. */
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

const before = tcp();
const readMetrics = measured();
// They fill the queue of the server that does not accept: the kernel takes one more than asked for.
const queued = await Promise.all(
  [1, 2].map(async () => {
    const socket = net.connect(echo.port, '::1');
    await once(socket, 'connect');
    return socket;
  }),
);

/** How often, and what. */
const KINDS: readonly (readonly [number, () => Promise<unknown>])[] = [
  [100, () => read(http.get({ ...patient, port: plain.port, agent: false }))],
  [50, () => read(https.get({ ...patient, port: secure.port, agent: false, ca }))],
  [50, () => undici(`http://${host}:${plain.port}/`)],
  [30, () => undici(`https://${host}:${secure.port}/`)],
  [50, () => talk(net.connect({ ...patient, port: plain.port }))],
  [40, () => read(http.get({ ...patient, port: refused, agent: false }))],
  [20, () => undici(`http://${host}:${refused}/`)],
  [20, () => talk(net.connect({ ...hasty, port: echo.port }))],
];
const jobs = shuffled(KINDS.flatMap(([times, run]) => Array.from({ length: times }, () => run)));
const endings = await runAll(jobs, 16, codeOf);

const metrics = await readMetrics(); // while some are still open
for (const socket of queued) socket.destroy();
const { activeOpens } = tcp();
const seen = await Promise.all([plain, secure, echo].map(server => server.seen()));
for (const server of [plain, secure, echo]) server.end();
full.kill('SIGKILL');

report({
  metrics,
  activeOpens: activeOpens - before.activeOpens,
  accepts: seen.reduce((sum, { accepts }) => sum + accepts, 0),
  endings,
});
