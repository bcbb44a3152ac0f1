// A program that produces every metric, scraped by docs.test.ts. Exits with its parent.
import dns from 'node:dns/promises';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo, type Server } from 'node:net';
import tls from 'node:tls';
import { withCaller } from '../../src/index.ts';
import { certificate } from '../support/certificates.ts';

process.on('disconnect', () => process.exit());

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** Requests the URL and waits until its connection is closed or has failed. */
async function visit(url: string, options: https.RequestOptions): Promise<void> {
  const { get } = url.startsWith('https:') ? https : http;
  const request = get(url, { agent: false, ...options }, response => response.resume());
  request.on('error', () => {});
  await new Promise(resolve => request.on('close', resolve));
}

/** A balancer keeps so many idle connections to a server that closes them first: enough to learn when. */
async function keepIdle(port: number): Promise<void> {
  const agent = new http.Agent({ keepAlive: true });
  const headers = { 'X-Forwarded-For': '192.0.2.1' };
  const visitOnce = () =>
    new Promise<void>(resolve => {
      http
        .get({ port, host: '127.0.0.1', agent, headers }, response => response.resume())
        .on('socket', socket => socket.on('close', () => resolve()));
    });
  await Promise.all(Array.from({ length: 20 }, visitOnce));
}

const { key, cert } = await certificate();
const plain = await listening(http.createServer((_request, response) => void response.end()));
const secure = await listening(https.createServer({ key, cert }, (_request, response) => void response.end()));
const echo = await listening(net.createServer(socket => void socket.on('error', () => {}).pipe(socket)));

const keepAlive = { keepAliveTimeout: 1_000, keepAliveTimeoutBuffer: 0 };
const impatient = http.createServer(keepAlive, (_request, response) => {
  response.setHeader('Connection', 'keep-alive'); // so that Node does not tell its limit
  response.end();
});

await dns.lookup('localhost');
await keepIdle(await listening(impatient));
await visit(`http://127.0.0.1:${plain}/`, {});
await visit(`https://127.0.0.1:${secure}/`, { ca: cert });
await visit(`https://127.0.0.1:${secure}/`, {}); // a certificate it does not trust
await visit('http://127.0.0.1:1/', {}); // refused
await visit('http://no-such-name.invalid/', {});
await (await fetch(`http://127.0.0.1:${plain}/`)).text(); // stays open
const limited = new http.Agent({ keepAlive: true, maxSockets: 1 });
await Promise.all(
  [1, 2].map(() =>
    once(
      http.get({ port: plain, host: '127.0.0.1', agent: limited }, response => response.resume()),
      'close',
    ),
  ),
);
await withCaller('checkout', () => Promise.all([1, 2].map(() => fetch(`http://127.0.0.1:${plain}/`))));
const streams = http2.createServer({ settings: { maxConcurrentStreams: 50 } }, (_request, response) => {
  response.end();
});
streams.once('session', session => setTimeout(() => session.goaway(), 50));
const session = http2.connect(`http://127.0.0.1:${await listening(streams)}`).on('error', () => {});
session.request({ ':path': '/' }).resume();
await once(session, 'goaway');
const open = http2.connect(`http://127.0.0.1:${(streams.address() as AddressInfo).port}`).on('error', () => {});
await once(open.request({ ':path': '/' }).resume(), 'close');
net.connect(echo, '127.0.0.1'); // no HTTP
const silent = await listening(net.createServer(socket => void socket.on('error', () => {}).resume()));
tls.connect(silent, '127.0.0.1').on('error', () => {}); // the handshake hangs

process.send?.('done');
