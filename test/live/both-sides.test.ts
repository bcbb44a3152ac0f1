import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type RequestListener, type ServerOptions } from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CloseReason, ServerCloseReason } from '../../src/core/reasons.ts';
import { certificate } from '../support/certificates.ts';
import {
  ALL_CLIENTS,
  CLIENTS,
  type Client,
  type ClientName,
  type ClientOptions,
  FETCH_CLIENTS,
  UNDICI_CLIENTS,
} from '../support/clients.ts';
import { nextTurn } from '../support/connection-counts.ts';
import { type Instrumented, instrument, type Readings } from '../support/instrument.ts';

// One connection, measured at both ends in one process. The table lists the close reason that each side reports;
// docs/both-sides.md has the same table.

interface Target {
  readonly server: http.Server;
  readonly url: string;
  readonly port: number;
  /** Resolves when the next request arrives. */
  request(): Promise<unknown>;
}

interface Row {
  readonly when: string;
  readonly client: CloseReason;
  /** Clients that report another reason. */
  readonly but?: Partial<Record<ClientName, CloseReason>>;
  readonly server: ServerCloseReason;
  readonly clients: readonly ClientName[];
  readonly setting?: ClientOptions;
  readonly options?: ServerOptions;
  readonly answer?: RequestListener;
  readonly prepare?: (server: http.Server) => void;
  /** Default: send one request and read the response. */
  readonly program?: (client: Client, target: Target) => Promise<unknown>;
}

const hello: RequestListener = (_request, response) => void response.end('hello');
const never: RequestListener = () => {};
const half: RequestListener = (_request, response) => {
  response.setHeader('content-length', 100_000);
  response.write('x'.repeat(50_000));
};
/** Sends no Keep-Alive header, so that the client does not close first. */
const quiet: RequestListener = (_request, response) => {
  response.setHeader('connection', 'keep-alive');
  response.end('hello');
};

function switchProtocols(_request: unknown, socket: Duplex): void {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  socket.on('error', () => {}).pipe(socket);
}

async function askAndRead(client: Client, { url }: Target): Promise<void> {
  await (await client.sendRequest(url)).read();
  await nextTurn();
}

async function askInVain(client: Client, { url }: Target): Promise<void> {
  await expect(client.sendRequest(url).then(answer => answer.read())).rejects.toThrow();
}

const ROWS: readonly Row[] = [
  // The server closes.
  {
    when: "the server's keep-alive timeout is over before the next request",
    server: 'keep_alive_timeout',
    client: 'server_idle_close',
    clients: ALL_CLIENTS,
    options: { keepAliveTimeout: 50 },
    answer: quiet,
  },
  {
    when: 'the server says Connection: close',
    server: 'server_close_header',
    client: 'server_close_header',
    clients: ALL_CLIENTS,
    answer: (_request, response) => void response.setHeader('connection', 'close').end('bye'),
  },
  {
    when: 'the server takes no more requests on one connection',
    server: 'max_requests',
    client: 'server_close_header',
    clients: ALL_CLIENTS,
    prepare: server => {
      server.maxRequestsPerSocket = 1;
    },
  },
  {
    when: 'the server shuts down while the connection is idle',
    server: 'server_shutdown',
    client: 'server_idle_close',
    clients: ALL_CLIENTS,
    async program(client, target) {
      await askAndRead(client, target);
      target.server.close();
    },
  },
  {
    when: 'the server destroys the connection instead of an answer',
    server: 'server_shutdown',
    client: 'server_closed_active',
    clients: ALL_CLIENTS,
    answer: request => void request.socket.destroy(),
    program: askInVain,
  },
  {
    when: 'the server destroys the connection in the middle of its answer',
    server: 'server_shutdown',
    client: 'server_closed_active',
    clients: ALL_CLIENTS,
    answer: (request, response) => {
      response.setHeader('content-length', 100_000);
      response.write('x'.repeat(50_000), () => setImmediate(() => request.socket.destroy()));
    },
    program: askInVain,
  },
  {
    when: 'the server waits no longer for the program behind it',
    server: 'request_timeout',
    client: 'server_closed_active',
    clients: ALL_CLIENTS,
    answer: never,
    prepare: server => server.setTimeout(400),
    program: askInVain,
  },
  // The client closes.
  {
    when: 'the client lets idle ones go after a while',
    server: 'client_closed_idle',
    client: 'client_idle_timeout',
    clients: [...UNDICI_CLIENTS, 'node:http'],
    setting: { idleTimeoutMs: 100 },
    answer: quiet,
  },
  {
    when: 'the server keeps connections for so short that the client gives them up at once',
    server: 'keep_alive_hint_too_short',
    client: 'keep_alive_hint_too_short',
    clients: ALL_CLIENTS,
    options: { keepAliveTimeout: 1_000 },
  },
  {
    when: 'the server keeps connections for a few seconds, and the client leaves before that',
    server: 'keep_alive_hint_too_short',
    client: 'client_idle_timeout',
    clients: FETCH_CLIENTS,
    options: { keepAliveTimeout: 3_000 },
  },
  {
    when: 'the client keeps no connections',
    server: 'client_close_header',
    client: 'keep_alive_off',
    clients: [...UNDICI_CLIENTS, 'node:http'],
    setting: { keepAlive: false },
  },
  {
    when: 'the program asks for the end by a header',
    server: 'client_close_header',
    client: 'keep_alive_off',
    clients: ALL_CLIENTS,
    program: async (client, { url }) => (await client.sendRequest(url, { headers: { connection: 'close' } })).read(),
  },
  {
    when: 'the client sends no more requests on one connection',
    server: 'client_close_header',
    client: 'max_requests',
    clients: UNDICI_CLIENTS,
    setting: { maxRequests: 2 },
    async program(client, target) {
      for (let i = 0; i < 3; i++) await askAndRead(client, target);
    },
  },
  {
    when: 'the client was made for one request',
    server: 'client_closed_idle',
    client: 'client_shutdown',
    but: { 'node:http': 'server_idle_close' }, // its agent closes without a signal
    clients: [...UNDICI_CLIENTS, 'node:http'],
    async program(client, target) {
      await askAndRead(client, target);
      client.shutDown?.();
    },
  },
  {
    when: 'undici asks by HEAD, and for the end by a header',
    server: 'client_close_header',
    client: 'not_reusable_method',
    clients: FETCH_CLIENTS,
    program: async (client, { url }) => (await client.sendRequest(url, { method: 'HEAD' })).read(),
  },
  {
    when: 'the program gives the answer up half way',
    server: 'client_aborted',
    client: 'body_cancelled',
    clients: ALL_CLIENTS,
    answer: half,
    program: async (client, { url }) => (await client.sendRequest(url)).cancel(),
  },
  {
    when: 'the program aborts before the answer',
    server: 'client_aborted',
    client: 'request_aborted',
    clients: ALL_CLIENTS,
    answer: never,
    async program(client, target) {
      const abort = new AbortController();
      const arrived = target.request();
      const asking = client.sendRequest(target.url, { signal: abort.signal });
      asking.catch(() => {});
      await arrived;
      abort.abort();
      await expect(asking).rejects.toThrow();
    },
  },
  {
    when: 'the client waits no longer for the answer',
    server: 'client_aborted',
    client: 'request_timeout',
    clients: [...UNDICI_CLIENTS, 'node:http'],
    setting: { responseTimeoutMs: 600 },
    answer: never,
    program: askInVain,
  },
  // Either closes.
  {
    when: 'a WebSocket ends',
    server: 'upgraded',
    client: 'upgraded',
    clients: ['node:http'],
    prepare: server => void server.on('upgrade', switchProtocols),
    async program(_client, { url }) {
      const request = http.get(url, { headers: { connection: 'Upgrade', upgrade: 'echo' } });
      const [, socket] = (await once(request, 'upgrade')) as [unknown, Socket];
      socket.end();
    },
  },
];

const OVER_HTTP2: readonly [
  CloseReason,
  ServerCloseReason,
  string,
  (session: http2.ClientHttp2Session, server: http2.Http2Server) => unknown,
][] = [
  ['client_shutdown', 'client_closed_idle', 'the client closes the session', session => session.close()],
  [
    'goaway',
    'server_shutdown',
    'the server closes the session',
    (_session, server) => server.emit('connmeter test: close'),
  ],
];

test('docs/both-sides.md lists exactly the pairs of this table', () => {
  const text = readFileSync(new URL('../../docs/both-sides.md', import.meta.url), 'utf8');
  const written = Array.from(
    text.matchAll(/^\| [^|]+ \| `(\w+)` \| `(\w+)` \|$/gm),
    ([, client, server]) => `${client} ${server}`,
  );
  const pairs = ROWS.flatMap(({ client, but, server }) =>
    [client, ...Object.values(but ?? {})].map(each => `${each} ${server}`),
  );

  expect(new Set(written)).toEqual(new Set([...pairs, ...OVER_HTTP2.map(([client, server]) => `${client} ${server}`)]));
});

async function listening<T extends Server>(server: T): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', socket => sockets.add(socket));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

/** Closed connections of one side at a port, by reason. */
function reasonsAt(readings: Readings, metric: string, port: number): Record<string, number> {
  const points = readings.points(metric, { 'server.port': port }).filter(({ value }) => value > 0);
  return Object.fromEntries(
    points.map(({ attributes, value }) => [String(attributes['connmeter.close.reason']), value]),
  );
}

/** Waits until both sides have counted the same number of closes, each for its expected reason only. */
async function expectBoth(read: Instrumented['read'], port: number, client: CloseReason, server: ServerCloseReason) {
  const seen = async () => {
    const readings = await read();
    const at = { 'server.port': port };
    const there = reasonsAt(readings, 'connmeter.server.connection.closed', port);
    const here = reasonsAt(readings, 'connmeter.connection.closed', port);
    return {
      client: here[client] ?? here,
      server: there[server] ?? there,
      openedLessAccepted:
        readings.value('connmeter.connection.opened', at) - readings.value('connmeter.server.connection.accepted', at),
    };
  };
  await expect.poll(seen, { timeout: 8_000, interval: 20 }).toEqual({ client: 1, server: 1, openedLessAccepted: 0 });
}

describe.each(ROWS)('the client reports $client and the server $server when $when:', row => {
  const { client, but, server: reason, clients, setting = {}, options, answer = hello, prepare, program } = row;

  test.each(clients)('%s', async name => {
    const { read } = instrument();
    const server = http.createServer({ keepAliveTimeout: 20_000, ...options }, answer);
    Object.assign(server, { keepAliveTimeoutBuffer: 0 });
    prepare?.(server);
    const port = await listening(server);
    const target: Target = {
      server,
      port,
      url: `http://127.0.0.1:${port}/`,
      request: () => once(server, 'request'),
    };

    await (program ?? askAndRead)(CLIENTS[name](setting), target);

    await expectBoth(read, port, but?.[name] ?? client, reason);
  });
});

describe('HTTP/2:', () => {
  test.each(OVER_HTTP2)('the client reports %s and the server %s when %s', async (client, reason, _when, end) => {
    const { read } = instrument();
    const server = http2.createServer((_request, response) => void response.end('hello'));
    server.on('session', session => server.on('connmeter test: close', () => session.close()));
    const port = await listening(server);
    const session = http2.connect(`http://127.0.0.1:${port}`).on('error', () => {});
    onTestFinished(() => session.destroy());
    await once(session.request({ ':path': '/' }).resume(), 'close');

    end(session, server);

    await expectBoth(read, port, client, reason);
  });
});

test('a failed handshake is a failed connection at the client and a closed one at the server', async () => {
  const { key, cert } = await certificate();
  const { read } = instrument();
  const port = await listening(tls.createServer({ key, cert }));

  const socket = tls.connect({ port, host: '127.0.0.1' });
  await new Promise(resolve => socket.on('error', () => {}).on('close', resolve));

  const at = { 'server.port': port };
  await expect
    .poll(async () => reasonsAt(await read(), 'connmeter.server.connection.closed', port))
    .toEqual({ tls_failed: 1 });
  const readings = await read();
  expect(readings.value('connmeter.connection.failed', { ...at, 'connmeter.phase': 'tls' })).toBe(1);
  expect(readings.value('connmeter.server.connection.accepted', at)).toBe(1);
  expect(readings.value('connmeter.connection.opened', at)).toBe(0);
});

test.each(['node:http', 'undici 8'] as const)(
  'a full server refuses a connection of %s, and the client reports that the server closed it',
  async name => {
    const { read } = instrument();
    const server = http.createServer(hello);
    server.maxConnections = 0;
    const port = await listening(server);

    await expect(CLIENTS[name]({}).sendRequest(`http://127.0.0.1:${port}/`)).rejects.toThrow();

    const at = { 'server.port': port };
    await expect
      .poll(async () => reasonsAt(await read(), 'connmeter.connection.closed', port))
      .toEqual({ server_closed_active: 1 });
    expect((await read()).value('connmeter.server.connection.refused', at)).toBe(1);
  },
);

test('a connection that a full server refuses is opened and closed by the server at the client', async () => {
  const { read } = instrument();
  const server = net.createServer();
  server.maxConnections = 0;
  const port = await listening(server);

  const socket = net.connect(port, '127.0.0.1').resume();
  await new Promise(resolve => socket.on('error', () => {}).on('close', resolve));

  const at = { 'server.port': port };
  await expect.poll(async () => (await read()).value('connmeter.connection.closed', at)).toBe(1);
  const readings = await read();
  expect(readings.value('connmeter.server.connection.refused', at)).toBe(1);
  expect(readings.value('connmeter.server.connection.accepted', at)).toBe(0);
});
