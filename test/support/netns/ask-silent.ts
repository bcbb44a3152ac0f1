// Reaches for names while the resolver is held still, and watches the lookups under way.
import http from 'node:http';
import net from 'node:net';
import { request } from 'undici';
import { codeOf, eventually, measured, report, task, total } from './measured.ts';
import { read } from './requests.ts';
import { port, touched, web } from './web.ts';

export interface AskSilentTask {
  /** The resolver's process. */
  readonly resolver: number;
  /** Whether the resolver goes on while the program waits, or only when all have given up. */
  readonly answers: boolean;
}

export interface AskSilentReport {
  /** `connmeter.dns.pending` before, while the resolver is silent, and after all. */
  readonly pending: { before: number; during: number; after: number };
  readonly endings: string[];
}

const clients = [
  async () => void (await (await fetch(`http://one.test:${port}/`)).text()),
  async () => void (await (await request(`http://one.test:${port}/`)).body.text()),
  () => read(http.get({ host: 'one.test', port })),
  () => touched(net.connect(port, 'one.test')),
];

const { resolver, answers } = task<AskSilentTask>();
const readMetrics = measured();
const pending = async () => total(await readMetrics(), 'connmeter.dns.pending');
const address = net.connect(port, '127.0.0.1'); // no name, no lookup

const before = await pending();
process.kill(resolver, 'SIGSTOP');
const tries = clients.map(reach => reach().then(() => 'ok', codeOf));
const during = await eventually(pending, value => value === clients.length);
if (answers) process.kill(resolver, 'SIGCONT');
const endings = await Promise.all(tries);
if (!answers) process.kill(resolver, 'SIGCONT');
const after = await pending();
address.destroy();
web.close();

report({ metrics: await readMetrics(), pending: { before, during, after }, endings });
