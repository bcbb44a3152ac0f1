// Connects to names while the resolver is silent, and gives up. Then the resolver answers.
import dns from 'node:dns';
import http from 'node:http';
import net from 'node:net';
import { Agent, request } from 'undici';
import { holdAnswers } from './held-answers.ts';
import { eventually, instrument, readTask, sendReport, total } from './program.ts';

export interface GivenUpLookupsReport {
  /** `connmeter.dns.pending`: after all clients gave up, with a lookup of the program itself, and after the answers. */
  readonly pending: { givenUp: number; own: number; answered: number };
}

const PATIENCE = 300;
/** Nothing connects to it. */
const PORT = 4711;
const ignore = () => {};

readTask();
const resolver = await holdAnswers(['one.test', 'three.test', 'own.test']); // two.test does not exist
const readMetrics = instrument();
const pending = async () => total(await readMetrics(), 'connmeter.dns.pending');

/** `once` of node:events would reject on 'error'. */
const closed = (emitter: NodeJS.EventEmitter) =>
  new Promise(resolve => emitter.on('error', ignore).on('close', resolve));

const asked = http.get({ host: 'one.test', port: PORT, timeout: PATIENCE }).on('timeout', () => asked.destroy());
const socket = net.connect(PORT, 'two.test');
socket.setTimeout(PATIENCE, () => socket.destroy());
const agent = new Agent({ connect: { timeout: PATIENCE } });
await Promise.all([
  closed(asked),
  closed(socket),
  request(`http://three.test:${PORT}/`, { dispatcher: agent }).catch(ignore),
]);
// Node's thread pool runs two lookups at a time. The others wait in it.
const givenUp = await eventually(pending, value => value === 3);
const lookedUp = dns.promises.lookup('own.test');
const own = await pending();
resolver.answer();
await lookedUp;
const answered = await eventually(pending, value => value === 0);
await agent.destroy();
resolver.close();

sendReport({ metrics: await readMetrics(), pending: { givenUp, own, answered } });
