import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { credentials, Client as GrpcClient } from '@grpc/grpc-js';
import axios from 'axios';
import { fastify } from 'fastify';
import got from 'got';
import { Redis } from 'ioredis';
import nodeFetch from 'node-fetch';
import { expect, onTestFinished, test } from 'vitest';
import { expectAllClosed, expectConnectionCounts, nextTurn } from '../support/connection-counts.ts';
import { ECHO } from '../support/grpc-service.ts';
import { instrument } from '../support/instrument.ts';
import { server } from '../support/server.ts';
import { expectServerCounts } from '../support/server-counts.ts';

/** Each library requests a URL, with an agent if it supports one, and reads the whole response. */
const HTTP_LIBRARIES = {
  got: (url: string, agent: http.Agent) => got(url, { agent: { http: agent }, retry: { limit: 0 } }).text(),
  axios: (url: string, agent: http.Agent) => axios.get(url, { httpAgent: agent, proxy: false }),
  'axios by fetch': (url: string) => axios.get(url, { adapter: 'fetch' }),
  'node-fetch': async (url: string, agent: http.Agent) => (await nodeFetch(url, { agent })).text(),
};

test.each(Object.entries(HTTP_LIBRARIES))('%s is measured without special support', async (_name, get) => {
  const { port, seen, drop } = await server({ kind: 'http' });
  const { read } = instrument();
  const agent = new http.Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const url = `http://127.0.0.1:${port}/`;

  for (let i = 0; i < 3; i++) {
    await get(url, agent);
    await nextTurn();
  }
  await Promise.all(Array.from({ length: 4 }, () => get(url, agent)));

  const { accepts, requests } = await seen();
  expect({ accepts, requests }).toEqual({ accepts: 4, requests: 7 });
  await expectConnectionCounts(read, port, {
    opened: accepts,
    fresh: accepts,
    reused: requests - accepts,
    idle: accepts,
  });

  const hanging = Promise.resolve(get(`${url}hang`, agent)).catch(() => 'dropped');
  await expectConnectionCounts(read, port, { opened: 4, fresh: 4, reused: 4, active: 1, idle: 3, requests: 1 });
  await drop();

  expect(await hanging).toBe('dropped');
  await expectAllClosed(read);
});

test('a gRPC client has one HTTP/2 connection, and each call is a request', async () => {
  const { port, seen } = await server({ kind: 'grpc' });
  const { read } = instrument();
  const client = new GrpcClient(`127.0.0.1:${port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const { path, requestSerialize, responseDeserialize } = ECHO.say;
  const say = (text: string) =>
    new Promise<string | undefined>((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, text, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });

  expect(await say('hello')).toBe('hello');
  await Promise.all(['a', 'b', 'c', 'd'].map(say));

  expect(await seen()).toMatchObject({ accepts: 1, requests: 5 });
  await expectConnectionCounts(read, port, { opened: 1, fresh: 1, reused: 4, idle: 1 });
  expect(
    (await read()).value('http.client.open_connections', { 'server.port': port, 'network.protocol.version': '2' }),
  ).toBe(1);

  client.close();

  await expect.poll(seen).toMatchObject({ open: 0 });
  await expectConnectionCounts(read, port, { opened: 1, closed: 1, fresh: 1, reused: 4 });
  await expectAllClosed(read);
});

test('a Redis client has one connection without HTTP', async () => {
  const { port, seen, drop } = await server({ kind: 'redis' });
  const { read } = instrument();
  const redis = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 1, enableReadyCheck: false });
  onTestFinished(() => redis.disconnect());
  redis.on('error', () => {});

  expect(await redis.ping()).toBe('PONG');
  await Promise.all(Array.from({ length: 5 }, (_, i) => redis.set(`key${i}`, 'value')));

  expect(await seen()).toMatchObject({ accepts: 1, open: 1 });
  expect((await seen()).requests).toBeGreaterThanOrEqual(6);
  await expectConnectionCounts(read, port, { opened: 1 });

  await drop();
  await expect.poll(seen).toMatchObject({ accepts: 2, open: 1 });

  await expectConnectionCounts(read, port, { opened: 2, closed: 1 });

  redis.disconnect();

  await expect.poll(seen).toMatchObject({ accepts: 2, open: 0 });
  await expectConnectionCounts(read, port, { opened: 2, closed: 2 });
  await expectAllClosed(read);
  const readings = await read();
  expect(readings.points('connmeter.connection.opened', { 'network.protocol.name': 'http' })).toEqual([]);
  expect(readings.points('connmeter.requests')).toEqual([]);
});

/** The part of its interface used here: it has no types. */
interface Express {
  get(path: string, handler: (request: unknown, response: { send(text: string): void }) => void): Express;
  listen(port: number, host: string): http.Server;
}

const express = createRequire(import.meta.url)('express') as () => Express;

/** Each framework answers on its own port. */
const FRAMEWORKS: Readonly<Record<string, () => Promise<number>>> = {
  async fastify() {
    const app = fastify({ keepAliveTimeout: 20_000, forceCloseConnections: true });
    app.get('/', async () => 'hello');
    onTestFinished(() => app.close());
    await app.listen({ port: 0, host: '127.0.0.1' });
    return (app.server.address() as AddressInfo).port;
  },
  async express() {
    const app = express().get('/', (_request, response) => void response.send('hello'));
    const listening = app.listen(0, '127.0.0.1');
    listening.keepAliveTimeout = 20_000;
    onTestFinished(() => {
      listening.close();
      listening.closeAllConnections();
    });
    await new Promise(resolve => listening.on('listening', resolve));
    return (listening.address() as AddressInfo).port;
  },
};

test.each(Object.entries(FRAMEWORKS))('a server of %s is measured without special support', async (_name, listen) => {
  const { read } = instrument();
  const port = await listen();
  const agent = new http.Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const get = () =>
    new Promise(resolve =>
      http.get({ host: '127.0.0.1', port, agent }, response => response.resume().on('close', resolve)),
    );

  for (let i = 0; i < 3; i++) {
    await get();
    await nextTurn();
  }
  await Promise.all(Array.from({ length: 4 }, get));

  await expectServerCounts(read, port, { accepted: 4, fresh: 4, reused: 3, idle: 4 });

  agent.destroy();
  await expectServerCounts(read, port, {
    accepted: 4,
    fresh: 4,
    reused: 3,
    closed: { client_closed_idle: 4 },
    durations: 4,
    requestsAtClose: 7,
  });
});
