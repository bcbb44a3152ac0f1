import { once } from 'node:events';
import http2 from 'node:http2';
import { setTimeout as passed } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { ALL_CLIENTS, CLIENTS, responseHead, scriptedServer } from '../support/clients.ts';
import { nextTurn } from '../support/connection-counts.ts';
import { type Instrumented, instrument } from '../support/instrument.ts';
import { server } from '../support/server.ts';

/** Larger than the buffers on both sides, so that it cannot arrive completely unless it is read. */
const ENDLESS = `${responseHead('Content-Length: 8000000')}${'x'.repeat(8_000_000)}`;

async function heldAt(read: Instrumented['read'], port: number): Promise<number> {
  return (await read()).value('connmeter.body.held', { 'server.port': port });
}

async function expectHeld(read: Instrumented['read'], port: number, count: number): Promise<void> {
  await expect.poll(() => heldAt(read, port), { timeout: 5_000, interval: 50 }).toBe(count);
}

/** Reads the gauge ten times, for longer than it takes until an unread body counts as held. Returns all readings. */
async function looks(read: Instrumented['read'], port: number): Promise<{ held: number[]; requests: number }> {
  const held: number[] = [];
  for (let i = 0; i < 10; i++) {
    held.push(await heldAt(read, port));
    await passed(120);
  }
  return { held, requests: (await read()).countsOf(port).requests };
}

const NEVER = Array.from({ length: 10 }, () => 0);

describe.each(ALL_CLIENTS)('%s', name => {
  test('an unread large body is held from half a second after the first collection until it is read', async () => {
    const { port } = await server({ kind: 'http' });
    const { read } = instrument();

    const answer = await CLIENTS[name]({}).sendRequest(`http://127.0.0.1:${port}/large`);
    await passed(100); // the buffers are full by now
    const first = await heldAt(read, port);
    await passed(600);
    const second = await heldAt(read, port);

    expect([first, second]).toEqual([0, 1]);

    await answer.read();
    await nextTurn();

    expect(await heldAt(read, port)).toBe(0);
    expect((await read()).countsOf(port)).toMatchObject({ opened: 1, closed: 0, active: 0, idle: 1 });
  });

  test('each held connection counts, and none after the bodies are cancelled', async () => {
    const { port, seen } = await server({ kind: 'http' });
    const { read } = instrument();
    const client = CLIENTS[name]({});

    const answers = await Promise.all([1, 2, 3].map(() => client.sendRequest(`http://127.0.0.1:${port}/large`)));

    await expectHeld(read, port, 3);
    expect((await seen()).open).toBe(3);

    for (const answer of answers) await answer.cancel();

    await expectHeld(read, port, 0);
    await expect.poll(async () => (await read()).countsOf(port)).toMatchObject({ active: 0, requests: 0 });
  });

  test('a slow server does not cause a held body, whether it has sent data or not', async () => {
    const silent = await scriptedServer('');
    const slow = await scriptedServer(`${responseHead('Content-Length: 100')}begun`);
    const { read } = instrument();
    const client = CLIENTS[name]({});

    client.sendRequest(silent.url).catch(() => {});
    const reading = (await client.sendRequest(slow.url)).read();
    reading.catch(() => {});

    const seen = await Promise.all([looks(read, slow.port), looks(read, silent.port)]);

    expect(seen).toEqual([
      { held: NEVER, requests: 1 },
      { held: NEVER, requests: 1 },
    ]);
  });
});

describe('a slow but steady reader holds no body', () => {
  /** Reads in small pieces with pauses, until the test ends. */
  async function sip(chunks: AsyncIterable<unknown>): Promise<void> {
    for await (const _ of chunks) await passed(40);
  }

  test.each([
    ['fetch', async (url: string) => (await fetch(url)).body as AsyncIterable<unknown>],
    ['undici 6', async (url: string) => (await undici6.request(url)).body],
    ['undici 7', async (url: string) => (await undici7.request(url)).body],
    ['undici 8', async (url: string) => (await undici8.request(url)).body],
    [
      'node:http',
      async (url: string) => {
        const { get } = await import('node:http');
        const [response] = await once(get(url), 'response');
        return response as AsyncIterable<unknown>;
      },
    ],
  ])('%s', async (_name, ask) => {
    const { port, url } = await scriptedServer(ENDLESS);
    const { read } = instrument();

    sip(await ask(url)).catch(() => {}); // rejects when the server ends

    expect(await looks(read, port)).toEqual({ held: NEVER, requests: 1 });
  });
});

describe('a garbage-collected body is no longer held', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;

  test.each([
    ['fetch', fetch],
    ['undici 6', undici6.fetch],
    ['undici 7', undici7.fetch],
    ['undici 8', undici8.fetch],
  ] as const)('%s', async (_name, fetchIt) => {
    const { port } = await server({ kind: 'http' });
    const { read } = instrument();

    const kept = [await fetchIt(`http://127.0.0.1:${port}/large`)]; // keeps it from being collected too early
    await expectHeld(read, port, 1);
    kept.length = 0;
    await expect
      .poll(
        async () => {
          collectGarbage();
          await nextTurn();
          return heldAt(read, port);
        },
        { timeout: 10_000 },
      )
      .toBe(0);
    await expect.poll(async () => (await read()).countsOf(port)).toMatchObject({ active: 0, requests: 0 });
  });
});

describe('an unread HTTP/2 stream does not hold its connection', () => {
  test('node:http2', async () => {
    const { port } = await server({ kind: 'http2c' });
    const { read } = instrument();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());

    await once(session.request({ ':path': '/large' }), 'response');

    expect(await looks(read, port)).toEqual({ held: NEVER, requests: 1 });
  });

  test.each([
    ['undici 7', undici7],
    ['undici 8', undici8],
  ] as const)('%s', async (_name, { Agent, request }) => {
    const { port } = await server({ kind: 'http2', certificate: await certificate() });
    const { read } = instrument();
    const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
    onTestFinished(() => dispatcher.destroy());

    const { body } = await request(`https://127.0.0.1:${port}/large`, { dispatcher: dispatcher as never });
    body.on('error', () => {});

    expect((await looks(read, port)).held).toEqual(NEVER);
  });
});
