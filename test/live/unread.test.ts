import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, pipeline, Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline as pipelined } from 'node:stream/promises';
import { setTimeout as passed } from 'node:timers/promises';
import axios from 'axios';
import nodeFetch from 'node-fetch';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { expect, onTestFinished, test } from 'vitest';
import { type Instrumented, instrument } from '../support/instrument.ts';

const UNDICI = Object.entries({ 'undici 6': undici6, 'undici 7': undici7, 'undici 8': undici8 }) as unknown as [
  string,
  typeof undici8,
][];

/** A name, and a request. */
type Form = readonly [string, (url: string) => unknown];

/** A server of this process, until the test ends. */
async function serving(answer: http.RequestListener): Promise<string> {
  // To the server, a connection whose response is not read is idle.
  const server = http.createServer({ keepAliveTimeout: 0 }, answer).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const portOf = (url: string) => Number(new URL(url).port);

function keepAliveAgent(options: http.AgentOptions = {}): http.Agent {
  const agent = new http.Agent({ keepAlive: true, ...options });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** Requests by node:http, with one agent. */
function byHttp(): (url: string) => Promise<IncomingMessage> {
  const agent = keepAliveAgent();
  return async url => {
    const [response] = (await once(http.get(url, { agent }), 'response')) as [IncomingMessage];
    return response.on('error', () => {});
  };
}

/** Responses are kept, so that the garbage collector does not give up unread bodies. */
const kept: unknown[] = [];

const heldAt = async (read: Instrumented['read'], url: string) =>
  (await read()).value('connmeter.body.held', { 'server.port': portOf(url) });

const sized = (bytes: number) => serving((_, response) => response.end(Buffer.alloc(bytes, 'x')));
const status = (code: number) => serving((_, response) => response.writeHead(code).end());
const chunked = (bytes: number) =>
  serving((_, response) => {
    response.write(Buffer.alloc(bytes, 'x'));
    response.end();
  });

async function bodyOf(request: (typeof undici8)['request'], url: string): Promise<Readable> {
  return (await request(url)).body.on('error', () => {}); // emitted when the test ends
}

const head = async (url: string) => {
  const [response] = await once(http.request(url, { method: 'HEAD', agent: keepAliveAgent() }).end(), 'response');
  return response;
};

const axiosStream = (url: string) =>
  axios.get(url, { httpAgent: keepAliveAgent(), responseType: 'stream', proxy: false });

/** What nobody reads: a name, the server, and the request whose response is only kept. */
const UNREAD: readonly (readonly [string, () => Promise<string>, (url: string) => Promise<unknown>])[] = [
  ['node:http, 2 bytes', () => sized(2), url => byHttp()(url)],
  ['node:http, 60 kB', () => sized(60_000), url => byHttp()(url)],
  ['node:http, 3 MB', () => sized(3_000_000), url => byHttp()(url)],
  ['node:http, 204', () => status(204), url => byHttp()(url)],
  ['node:http, 304', () => status(304), url => byHttp()(url)],
  ['node:http, HEAD', () => sized(2), head],
  ['axios stream, 3 kB', () => sized(3_000), axiosStream],
  ['node-fetch, 200 kB', () => sized(200_000), url => nodeFetch(url, { agent: keepAliveAgent() })],
  ['node-fetch, 3 MB', () => sized(3_000_000), url => nodeFetch(url, { agent: keepAliveAgent() })],
  ...[66_000, 125_000, 200_000, 3_000_000].flatMap((bytes): typeof UNREAD => [
    [`fetch, ${bytes}`, () => sized(bytes), url => fetch(url)],
    [`fetch, chunked, ${bytes}`, () => chunked(bytes), url => fetch(url)],
    ...UNDICI.flatMap(([version, undici]): typeof UNREAD => [
      [`${version} request, ${bytes}`, () => sized(bytes), url => bodyOf(undici.request, url)],
      [`${version} fetch, ${bytes}`, () => sized(bytes), url => undici.fetch(url)],
    ]),
  ]),
];

test('an unread body of any size holds its connection, whatever the client', async () => {
  const { read } = instrument();
  const forms = await Promise.all(
    UNREAD.map(async ([name, serve, ask]) => {
      const url = await serve();
      kept.push(await ask(url));
      return { name, url };
    }),
  );

  const heldForms = async () => {
    const readings = await read();
    return forms
      .filter(({ url }) => readings.value('connmeter.body.held', { 'server.port': portOf(url) }) === 1)
      .map(({ name }) => name);
  };

  await expect.poll(heldForms, { timeout: 30_000, interval: 200 }).toEqual(forms.map(({ name }) => name));
}, 60_000);

test('a small body holds no connection of fetch and undici, which read it by themselves', async () => {
  const { read } = instrument();
  const url = await sized(60_000);

  kept.push(await fetch(url), ...(await Promise.all(UNDICI.map(([, undici]) => bodyOf(undici.request, url)))));
  await read();
  await passed(700);

  expect(await heldAt(read, url)).toBe(0);
  expect((await read()).countsOf(portOf(url))).toMatchObject({ active: 0, idle: 4 });
});

/** How a program reads a response of node:http. */
const READERS: Readonly<Record<string, (response: IncomingMessage) => unknown>> = {
  "on('data')": response => response.on('data', () => {}),
  pipe: response => response.pipe(new PassThrough()).resume(),
  resume: response => response.resume(),
  'for await': readAll,
  'stream/consumers': response => text(response),
  "on('readable')": response => response.on('readable', () => response.read()),
  'async pipeline': response => pipelined(response, readAll),
  'pipeline into a stream': response => pipeline(response, new PassThrough().resume(), () => {}),
  toWeb: response => readAll(Readable.toWeb(response) as AsyncIterable<unknown>),
  'toWeb, text': response => new Response(Readable.toWeb(response) as never).text(),
};

/** How a program reads a response of fetch. */
const FETCH_READERS: Readonly<Record<string, (response: Response) => unknown>> = {
  text: response => response.text(),
  arrayBuffer: response => response.arrayBuffer(),
  'for await': response => readAll(response.body as unknown as AsyncIterable<unknown>),
  getReader: async response => {
    const reader = response.body?.getReader();
    while (!(await reader?.read())?.done);
  },
  fromWeb: response => text(Readable.fromWeb(response.body as never)),
};

async function readAll(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of chunks);
}

const discarding = () => new Writable({ write: (_chunk, _encoding, written) => written() });

/** Requests in every form. Each reads its response as soon as its headers are here. */
const READING: readonly Form[] = [
  ...Object.entries(READERS).map(
    ([name, read]): Form => [`node:http, ${name}`, async url => read(await byHttp()(url))],
  ),
  ...Object.entries(FETCH_READERS).map(([name, read]): Form => [`fetch, ${name}`, async url => read(await fetch(url))]),
  ...UNDICI.flatMap(([version, { request, stream, fetch }]): Form[] => [
    ...Object.entries(READERS).map(
      ([name, read]): Form => [
        `${version}, request, ${name}`,
        async url => read((await bodyOf(request, url)) as IncomingMessage),
      ],
    ),
    ...Object.entries(FETCH_READERS).map(
      ([name, read]): Form => [`${version}, fetch, ${name}`, async url => read((await fetch(url)) as never)],
    ),
    [`${version}, stream`, url => stream(url, { method: 'GET' }, discarding)],
  ]),
];

/** The names of the forms that were accused at any of so many collections. */
async function accused(
  read: Instrumented['read'],
  forms: readonly { name: string; url: string }[],
  collections: number,
): Promise<string[]> {
  const names = new Set<string>();
  for (let i = 0; i < collections; i++) {
    const readings = await read();
    for (const { name, url } of forms) {
      if (readings.value('connmeter.body.held', { 'server.port': portOf(url) }) > 0) names.add(name);
    }
    await passed(200);
  }
  return [...names];
}

async function startAll(
  requests: readonly Form[],
  answer: http.RequestListener,
): Promise<{ name: string; url: string }[]> {
  return Promise.all(
    requests.map(async ([name, ask]) => {
      const url = await serving(answer);
      Promise.resolve(ask(url)).catch(() => {}); // rejects when the server ends
      return { name, url };
    }),
  );
}

test('code that waits for the first byte is never accused, in whatever way it reads', async () => {
  const { read } = instrument();
  const done = new Set<string>();
  const forms = await startAll(READING, (request, response) => {
    response.writeHead(200).flushHeaders();
    setTimeout(() => {
      done.add(String(request.socket.localPort));
      response.end(Buffer.alloc(100_000, 'x'));
    }, 2_000);
  });

  expect(await accused(read, forms, 12)).toEqual([]);
  await expect.poll(() => done.size, { timeout: 20_000 }).toBe(forms.length);
  await expect.poll(async () => (await read()).value('http.client.active_requests'), { timeout: 20_000 }).toBe(0);
}, 60_000);

test('server-sent events and long polling are never accused', async () => {
  const { read } = instrument();
  const timers: NodeJS.Timeout[] = [];
  onTestFinished(() => {
    for (const timer of timers) clearInterval(timer);
  });
  const events = await startAll(READING, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    timers.push(setInterval(() => response.write('data: x\n\n'), 300));
  });
  const polls = await startAll(READING, () => {});

  expect(await accused(read, [...events, ...polls], 8)).toEqual([]);
}, 60_000);

/** So much is read before the reader pauses for good. More than any buffer between the socket and the program. */
const ENOUGH = 1_000_000;

/** How many readers have read enough. */
let stopped = 0;

/** Reads enough, then stops without a word, as a program does that writes to a slow disk. */
async function readEnough(chunks: AsyncIterable<{ length: number }>): Promise<void> {
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length <= ENOUGH) continue;

    stopped++;
    await new Promise(() => {});
  }
}

/** A destination that stops after it got enough. */
function full(): Writable {
  let length = 0;
  return new Writable({
    write(chunk: Buffer, _encoding, written) {
      length += chunk.length;
      if (length < ENOUGH) written();
      else stopped++;
    },
  });
}

test('a program that has begun to read, and pauses for long, is never accused', async () => {
  const { read } = instrument();
  const large = Buffer.alloc(3_000_000, 'x');
  const pausing: readonly Form[] = [
    [
      "node:http, on('data') and pause",
      async url =>
        (await byHttp()(url)).on('data', function (this: Readable) {
          this.pause();
        }),
    ],
    ["node:http, on('data') and pause at once", async url => (await byHttp()(url)).on('data', () => {}).pause()],
    [
      'node:http, for await that never goes on',
      async url => {
        for await (const _ of await byHttp()(url)) await new Promise(() => {});
      },
    ],
    ["node:http, on('readable') that does not read", async url => (await byHttp()(url)).on('readable', () => {})],
  ];
  const stopping: readonly Form[] = [
    ['node:http, pipe', async url => (await byHttp()(url)).pipe(full())],
    ['node:http, for await', async url => readEnough(await byHttp()(url))],
    ['node:http, toWeb', async url => readEnough(Readable.toWeb(await byHttp()(url)) as never)],
    ['fetch', async url => readEnough((await fetch(url)).body as never)],
    ...UNDICI.flatMap(([version, { request, stream, fetch }]): Form[] => [
      [`${version}, request`, async url => readEnough(await bodyOf(request, url))],
      [`${version}, request and pipe`, async url => (await bodyOf(request, url)).pipe(full())],
      [`${version}, stream`, async url => stream(url, { method: 'GET' }, full)],
      [`${version}, fetch`, async url => readEnough((await fetch(url)).body as never)],
    ]),
  ];
  const forms = await startAll([...pausing, ...stopping], (_, response) => response.end(large));
  await expect.poll(() => stopped, { timeout: 45_000 }).toBe(stopping.length);
  expect((await read()).value('http.client.active_requests')).toBe(forms.length);

  expect(await accused(read, forms, 5)).toEqual([]);
}, 60_000);

test('an early response to an upload is not accused while the upload goes on', async () => {
  const { read } = instrument();
  const url = await serving((_, response) => response.writeHead(200).flushHeaders());
  const upload = http.request(url, { method: 'POST', agent: keepAliveAgent() });
  upload.write('x');
  const [response] = (await once(upload, 'response')) as [IncomingMessage];
  response.on('error', () => {});

  expect(await accused(read, [{ name: 'upload', url }], 5)).toEqual([]);

  upload.end();

  await expect.poll(() => heldAt(read, url), { timeout: 20_000 }).toBe(1);
});

test.each([
  ['is named if unread bodies hold all connections', 1, ['pool_held']],
  ['is not named if another connection is only slow', 2, []],
])(
  'the line of a request that waits %s',
  async (_what, maxSockets, problems) => {
    const { instrumentation, read } = instrument();
    const agent = keepAliveAgent({ maxSockets });
    const url = await serving((request, response) => {
      if (request.url !== '/slow') response.end('x');
    });
    const ask = (path = '') =>
      http.get(`${url}${path}`, { agent }, response => kept.push(response)).on('error', () => {});

    ask();
    if (maxSockets > 1) ask('slow');
    await expect.poll(() => heldAt(read, url), { timeout: 20_000 }).toBe(1);
    for (let i = 0; i < 3; i++) ask();

    expect(instrumentation.connections.snapshot().callSites.map(({ problem }) => problem)).toEqual(problems);
  },
  60_000,
);
