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

/** More than the buffers on both sides take, so that it cannot arrive unless it is read. */
const ENDLESS = `${responseHead('Content-Length: 8000000')}${'x'.repeat(8_000_000)}`;

async function heldAt(read: Instrumented['read'], port: number): Promise<number> {
  return (await read()).value('connmeter.body.held', { 'server.port': port });
}

async function expectHeld(read: Instrumented['read'], port: number, count: number): Promise<void> {
  await expect.poll(() => heldAt(read, port), { timeout: 5_000, interval: 50 }).toBe(count);
}

/** Looks ten times in more than the time after which an unread body counts; what each look showed. */
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
  test('a large body that nobody reads is held from half a second after the first look until it is read', async () => {
    const { port } = await server({ kind: 'http' });
    const { read } = instrument();

    const answer = await CLIENTS[name]({}).sendRequest(`http://127.0.0.1:${port}/large`);
    await passed(100); // what has room has arrived
    const first = await heldAt(read, port);
    await passed(600);
    const second = await heldAt(read, port);

    expect([first, second]).toEqual([0, 1]);

    await answer.read();
    await nextTurn();

    expect(await heldAt(read, port)).toBe(0);
    expect((await read()).countsOf(port)).toMatchObject({ opened: 1, closed: 0, active: 0, idle: 1 });
  });

  test('each connection that is held counts, and none after the bodies are given up', async () => {
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

  test('a server that is slow to send holds nothing, whether it has said a word or not', async () => {
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

describe('a reader who is slow but steady holds nothing', () => {
  /** Reads on until the test is over, in sips, with a rest after each. */
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

    sip(await ask(url)).catch(() => {}); // the server's end cuts it off

    expect(await looks(read, port)).toEqual({ held: NEVER, requests: 1 });
  });
});

describe('a body that the garbage collector takes is held no more', () => {
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

    const kept = [await fetchIt(`http://127.0.0.1:${port}/large`)]; // or the collector may be faster than the first look
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

describe('over HTTP/2 an unread stream holds its connection from nobody', () => {
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
