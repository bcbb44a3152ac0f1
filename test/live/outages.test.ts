// Servers that do not answer: a connect that gets no answer, and a handshake with a server that says nothing.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import axios from 'axios';
import got from 'got';
import { Redis } from 'ioredis';
import { Agent as Agent8, fetch as fetch8, request as undici8 } from 'undici';
import { Agent as Agent6, request as undici6 } from 'undici6';
import { Agent as Agent7, request as undici7 } from 'undici7';
import { expect, onTestFinished, test } from 'vitest';
import { blackHoles } from '../support/black-holes.ts';
import { instrument, type Readings } from '../support/instrument.ts';

/** Where attempts hang, and the ports of servers that let them hang there. */
const PHASES = {
  connect: { isTls: false, ports: blackHoles },
  tls: { isTls: true, ports: muteServers },
} as const;

type Phase = keyof typeof PHASES;

/** Servers that accept connections, read, and say nothing. */
async function muteServers(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let i = 0; i < count; i++) {
    const sockets = new Set<Socket>();
    const server = net.createServer(socket => void sockets.add(socket.on('error', () => {}).resume()));
    onTestFinished(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ports.push((server.address() as AddressInfo).port);
  }
  return ports;
}

/** Long enough to reach the server first, also on a busy machine. */
const PATIENCE = 1_000;
const ignore = () => {};

function get(url: string, options: http.RequestOptions = {}): http.ClientRequest {
  const client = url.startsWith('https:') ? https : http;
  return client.get(url, { agent: false, ...options }).on('error', ignore);
}

function dial(url: string): Socket {
  const options = { host: '127.0.0.1', port: Number(new URL(url).port) };
  return (url.startsWith('https:') ? tls.connect(options) : net.connect(options)).on('error', ignore);
}

function abortLater(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), PATIENCE);
  return controller.signal;
}

/** An undici dispatcher that gives up connecting. */
function impatient<Dispatcher extends { destroy(): unknown }>(
  Agent: new (options: { connect: { timeout: number } }) => Dispatcher,
): Dispatcher {
  const agent = new Agent({ connect: { timeout: PATIENCE } });
  onTestFinished(() => void agent.destroy());
  return agent;
}

/** Ways of a client to give up a connection that does not open, and the `error.type` of each. */
const WAYS: Readonly<Record<string, readonly [errorType: string, goAndGiveUp: (url: string) => unknown]>> = {
  'node:http, timeout, destroy()': [
    'timeout',
    url => {
      const request = get(url, { timeout: PATIENCE }).on('timeout', () => request.destroy());
    },
  ],
  'node:http, timeout, destroy(error)': [
    'timeout',
    url => {
      const request = get(url, { timeout: PATIENCE }).on('timeout', () => request.destroy(new Error('too slow')));
    },
  ],
  'node:http, own timer, destroy(error that says timeout)': [
    'timeout',
    url => {
      const request = get(url);
      setTimeout(() => request.destroy(new Error(`timeout of ${PATIENCE} ms exceeded`)), PATIENCE);
    },
  ],
  'node:http, AbortSignal.timeout()': ['timeout', url => get(url, { signal: AbortSignal.timeout(PATIENCE) })],
  'node:http, AbortController': ['aborted', url => get(url, { signal: abortLater() })],
  'node:http, own timer, destroy()': [
    'aborted',
    url => {
      const request = get(url);
      setTimeout(() => request.destroy(), PATIENCE);
    },
  ],
  'socket, setTimeout(), destroy()': [
    'timeout',
    url => {
      const socket = dial(url);
      socket.setTimeout(PATIENCE, () => socket.destroy());
    },
  ],
  'undici 6, connect timeout': [
    'UND_ERR_CONNECT_TIMEOUT',
    url => undici6(url, { dispatcher: impatient(Agent6) }).catch(ignore),
  ],
  'undici 7, connect timeout': [
    'UND_ERR_CONNECT_TIMEOUT',
    url => undici7(url, { dispatcher: impatient(Agent7) }).catch(ignore),
  ],
  'undici 8, connect timeout': [
    'UND_ERR_CONNECT_TIMEOUT',
    url => undici8(url, { dispatcher: impatient(Agent8) }).catch(ignore),
  ],
  'fetch of undici 8, connect timeout': [
    'UND_ERR_CONNECT_TIMEOUT',
    url => fetch8(url, { dispatcher: impatient(Agent8) }).catch(ignore),
  ],
  'axios, timeout': ['timeout', url => axios.get(url, { timeout: PATIENCE, proxy: false }).catch(ignore)],
  'axios, AbortSignal.timeout()': [
    'aborted', // axios does not pass the reason on
    url => axios.get(url, { signal: AbortSignal.timeout(PATIENCE), proxy: false }).catch(ignore),
  ],
  'got, timeout': ['ETIMEDOUT', url => got(url, { timeout: { request: PATIENCE }, retry: { limit: 0 } }).catch(ignore)],
  'ioredis, connectTimeout': [
    'timeout',
    url => {
      const { protocol, port } = new URL(url);
      new Redis({
        host: '127.0.0.1',
        port: Number(port),
        connectTimeout: PATIENCE,
        retryStrategy: () => null,
        ...(protocol === 'https:' ? { tls: {} } : {}),
      }).on('error', ignore);
    },
  ],
};

function failedAt(readings: Readings, port: number): unknown[] {
  return readings
    .points('connmeter.connection.failed', { 'server.port': port })
    .filter(({ value }) => value > 0)
    .map(({ attributes, value }) => [attributes['connmeter.phase'], attributes['error.type'], value]);
}

test.each(Object.keys(PHASES) as Phase[])(
  'in phase %s, a connection that the client gives up fails once, as a timeout if there is a sign of a timer',
  async phase => {
    const ways = Object.entries(WAYS);
    const ports = await PHASES[phase].ports(ways.length);
    const { read } = instrument();

    for (const [index, [, [, goAndGiveUp]]] of ways.entries()) {
      goAndGiveUp(`${PHASES[phase].isTls ? 'https' : 'http'}://127.0.0.1:${ports[index]}/`);
    }

    const failures = async () => {
      const readings = await read();
      return Object.fromEntries(ways.map(([name], index) => [name, failedAt(readings, ports[index] as number)]));
    };
    await expect
      .poll(failures, { timeout: 10_000, interval: 50 })
      .toEqual(Object.fromEntries(ways.map(([name, [errorType]]) => [name, [[phase, errorType, 1]]])));
    const readings = await read();
    expect(readings.points('connmeter.connection.pending').filter(({ value }) => value !== 0)).toEqual([]);
    expect(readings.value('connmeter.connection.opened')).toBe(0);
    const timedOut = phase === 'tls' ? 0 : ways.filter(([, [errorType]]) => errorType !== 'aborted').length;
    expect(readings.value('connmeter.connect.attempts', { 'connmeter.outcome': 'timed_out' })).toBe(timedOut);
  },
);

test.each(Object.keys(PHASES) as Phase[])('a gauge has the connections that hang in phase %s', async phase => {
  const [port = 0] = await PHASES[phase].ports(1);
  const { read } = instrument();
  const url = `${PHASES[phase].isTls ? 'https' : 'http'}://127.0.0.1:${port}/`;
  const pending = async () =>
    (await read())
      .points('connmeter.connection.pending')
      .map(({ attributes, value }) => [attributes['server.port'], attributes['connmeter.phase'], value]);

  const sockets = [dial(url), dial(url), dial(url)];
  const request = get(url);

  await expect.poll(pending).toContainEqual([port, phase, 4]);
  // Of the request it is known that it is HTTP. No origin is made up for the others before it is known which of them it is.
  const protocols = (await read())
    .points('connmeter.connection.opened')
    .map(({ attributes }) => attributes['network.protocol.name']);
  expect(new Set(protocols)).toEqual(new Set(['http']));
  expect((await read()).value('connmeter.connection.opened')).toBe(0);

  for (const socket of sockets) socket.destroy();
  await expect.poll(pending).toContainEqual([port, phase, 1]);

  request.destroy();
  await expect.poll(pending).toContainEqual([port, phase, 0]);
});
