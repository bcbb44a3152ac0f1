// Connects to names while the resolver is stopped, and reads the gauge of pending lookups.
import http from 'node:http';
import net from 'node:net';
import { request } from 'undici';
import { errorCode, eventually, instrument, readTask, sendReport, total } from './program.ts';
import { readToEnd } from './requests.ts';
import { connectAndEnd, port, web } from './web-server.ts';

export interface PendingLookupsTask {
  /** Process ID of the resolver. */
  readonly resolver: number;
  /** True if the resolver continues while the program waits; false if only after all lookups have timed out. */
  readonly answers: boolean;
}

export interface PendingLookupsReport {
  /** `connmeter.dns.pending` before, while the resolver is stopped, and at the end. */
  readonly pending: { before: number; during: number; after: number };
  readonly endings: string[];
}

const clients = [
  async () => void (await (await fetch(`http://one.test:${port}/`)).text()),
  async () => void (await (await request(`http://one.test:${port}/`)).body.text()),
  () => readToEnd(http.get({ host: 'one.test', port })),
  () => connectAndEnd(net.connect(port, 'one.test')),
];

const { resolver, answers } = readTask<PendingLookupsTask>();
const readMetrics = instrument();
const pending = async () => total(await readMetrics(), 'connmeter.dns.pending');
const address = net.connect(port, '127.0.0.1'); // an IP address needs no lookup

const before = await pending();
process.kill(resolver, 'SIGSTOP');
const tries = clients.map(reach => reach().then(() => 'ok', errorCode));
const during = await eventually(pending, value => value === clients.length);
if (answers) process.kill(resolver, 'SIGCONT');
const endings = await Promise.all(tries);
if (!answers) process.kill(resolver, 'SIGCONT');
await new Promise(setImmediate); // until its callback has returned, Node lists a lookup as pending
const after = await pending();
address.destroy();
web.close();

sendReport({ metrics: await readMetrics(), pending: { before, during, after }, endings });
