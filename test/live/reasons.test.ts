import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { CloseReason } from '../../src/core/reasons.ts';
import { certificate } from '../support/certificates.ts';
import {
  ALL_CLIENTS,
  CLIENTS,
  type Client,
  type ClientName,
  type ClientOptions,
  FETCH_CLIENTS,
  HALF_RESPONSE,
  NO_RESPONSE,
  OK_RESPONSE,
  type RequestOptions,
  responseHead,
  type ScriptedServer,
  scriptedServer,
  UNDICI_CLIENTS,
} from '../support/clients.ts';
import { expectClosed } from '../support/close-reasons.ts';
import { nextTurn } from '../support/connection-counts.ts';
import { instrument } from '../support/instrument.ts';
import { server } from '../support/server.ts';

// undici explains why it closes a connection in error messages, which are not an API. Each row is real traffic, so a test
// fails if an undici version, or the one built into Node, changes its messages.

const { undici: builtIn = '' } = process.versions;
const BUILT_IN = Number(builtIn.split('.')[0]);

/**
 * The close reason of the connection that undici opens, without a request, after an abort closed the previous one. The
 * agent of undici 7 (Node 24) closes it at once; 6 and 8 keep it. https://github.com/nodejs/undici/issues/5845
 */
function spareOf(name: ClientName): Partial<Record<CloseReason, number>> {
  const major = name === 'fetch' ? BUILT_IN : Number(name.split(' ')[1]);
  return major === 7 ? { client_shutdown: 1 } : {};
}

interface Way {
  readonly reason: CloseReason;
  readonly when: string;
  readonly clients: readonly ClientName[];
  readonly setting?: ClientOptions;
  readonly server: () => Promise<ScriptedServer>;
  /** What the program does. Default: send one request and read the response. */
  readonly program?: (client: Client, script: ScriptedServer) => Promise<unknown>;
  /** Other closes. */
  readonly besides?: (name: ClientName) => Partial<Record<CloseReason, number>>;
}

async function askAndRead(client: Client, { url }: ScriptedServer, asking?: RequestOptions): Promise<void> {
  await (await client.sendRequest(url, asking)).read();
  await nextTurn();
}

async function threeTimes(client: Client, script: ScriptedServer): Promise<void> {
  for (let i = 0; i < 3; i++) await askAndRead(client, script);
}

const WAYS: readonly Way[] = [
  {
    reason: 'client_idle_timeout',
    when: 'the program lets idle ones go after a while',
    clients: [...UNDICI_CLIENTS, 'node:http'],
    setting: { idleTimeoutMs: 100 },
    server: () => scriptedServer(OK_RESPONSE),
  },
  {
    reason: 'client_idle_timeout',
    when: 'the server says it keeps them for 3 s, and undici takes 2 off',
    clients: FETCH_CLIENTS,
    server: () => scriptedServer(`${responseHead('Content-Length: 1', 'Keep-Alive: timeout=3')}x`),
  },
  {
    reason: 'server_idle_close',
    when: 'the server ends an idle one',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(OK_RESPONSE),
    async program(client, script) {
      await askAndRead(client, script);
      script.sockets[0]?.end();
    },
  },
  {
    reason: 'server_idle_close',
    when: 'the server resets an idle one',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(OK_RESPONSE),
    async program(client, script) {
      await askAndRead(client, script);
      script.sockets[0]?.resetAndDestroy();
    },
  },
  {
    reason: 'server_closed_active',
    when: 'the server resets instead of an answer',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(NO_RESPONSE, socket => socket.resetAndDestroy()),
    program: (client, script) => expect(askAndRead(client, script)).rejects.toThrow(),
  },
  {
    reason: 'server_closed_active',
    when: 'the server ends instead of an answer',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(NO_RESPONSE, socket => socket.end()),
    program: (client, script) => expect(askAndRead(client, script)).rejects.toThrow(),
  },
  {
    reason: 'server_closed_active',
    when: 'the server ends in the middle of the answer',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(HALF_RESPONSE, socket => socket.end()),
    program: (client, script) => expect(askAndRead(client, script)).rejects.toThrow(),
  },
  {
    reason: 'server_close_header',
    when: 'the answer says Connection: close',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(`${responseHead('Content-Length: 1', 'Connection: close')}x`),
  },
  {
    reason: 'server_close_header',
    when: 'the answer says it in capitals, and the server does it',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(`${responseHead('Content-Length: 1', 'CONNECTION: Close')}x`, socket => socket.end()),
  },
  {
    reason: 'server_close_header',
    when: 'the answer is HTTP/1.0',
    clients: ALL_CLIENTS,
    server: () => scriptedServer('HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx'),
  },
  {
    reason: 'keep_alive_off',
    when: 'the request says Connection: close, and the server agrees',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(`${responseHead('Content-Length: 1', 'Connection: close')}x`),
    program: (client, script) => askAndRead(client, script, { headers: { connection: 'close' } }),
  },
  {
    reason: 'keep_alive_off',
    when: 'the client is set to keep none',
    clients: [...UNDICI_CLIENTS, 'node:http'],
    setting: { keepAlive: false },
    server: () => scriptedServer(OK_RESPONSE),
  },
  {
    reason: 'keep_alive_hint_too_short',
    when: 'the server says it keeps it for a second',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(`${responseHead('Content-Length: 1', 'Keep-Alive: timeout=1')}x`),
  },
  {
    reason: 'keep_alive_hint_too_short',
    when: 'the server says 2 s, of which undici takes 2 off',
    clients: FETCH_CLIENTS,
    server: () => scriptedServer(`${responseHead('Content-Length: 1', 'KEEP-ALIVE: timeout=2, max=100')}x`),
  },
  {
    reason: 'server_idle_close',
    when: 'it said 2 s, of which node:http takes only 1 off, and closes all the same',
    clients: ['node:http'],
    server: () => scriptedServer(`${responseHead('Content-Length: 1', 'Keep-Alive: timeout=2')}x`),
    async program(client, script) {
      await askAndRead(client, script);
      script.sockets[0]?.end();
    },
  },
  {
    reason: 'not_reusable_method',
    when: 'undici asked by HEAD',
    clients: FETCH_CLIENTS,
    server: () => scriptedServer(responseHead('Content-Length: 1')),
    program: (client, script) => askAndRead(client, script, { method: 'HEAD' }),
  },
  {
    reason: 'body_cancelled',
    when: 'the program gives the answer up',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(HALF_RESPONSE),
    async program(client, { url }) {
      await (await client.sendRequest(url)).cancel();
    },
    besides: spareOf,
  },
  {
    reason: 'body_cancelled',
    when: 'the program aborts in the middle of the answer',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(HALF_RESPONSE),
    async program(client, { url }) {
      const abort = new AbortController();
      const reading = (await client.sendRequest(url, { signal: abort.signal })).read();
      reading.catch(() => {});
      abort.abort();
    },
    besides: spareOf,
  },
  {
    reason: 'request_aborted',
    when: 'the program aborts before the answer',
    clients: ALL_CLIENTS,
    server: () => scriptedServer(NO_RESPONSE),
    async program(client, { url, sockets }) {
      const abort = new AbortController();
      const asking = client.sendRequest(url, { signal: abort.signal });
      asking.catch(() => {});
      await expect.poll(() => sockets[0]?.bytesRead ?? 0).toBeGreaterThan(0);
      abort.abort();
      await expect(asking).rejects.toThrow();
    },
    besides: spareOf,
  },
  {
    reason: 'request_timeout',
    when: 'no answer comes for as long as the program would wait',
    clients: [...UNDICI_CLIENTS, 'node:http'],
    setting: { responseTimeoutMs: 200 },
    server: () => scriptedServer(NO_RESPONSE),
    program: (client, { url }) => expect(client.sendRequest(url)).rejects.toThrow(),
  },
  {
    reason: 'request_timeout',
    when: 'the answer stops in the middle',
    clients: [...UNDICI_CLIENTS, 'node:http'],
    setting: { responseTimeoutMs: 200 },
    server: () => scriptedServer(HALF_RESPONSE),
    program: async (client, { url }) => void (await client.sendRequest(url)).read().catch(() => {}),
  },
  {
    reason: 'max_requests',
    when: 'undici is set to send no more on one',
    clients: ['undici 8'],
    setting: { maxRequests: 3 },
    server: () => scriptedServer(OK_RESPONSE),
    program: threeTimes,
  },
  {
    reason: 'max_requests',
    when: 'undici is set to send no more on one, where 6 and 7 send one more',
    clients: ['undici 6', 'undici 7'],
    setting: { maxRequests: 2 },
    server: () => scriptedServer(OK_RESPONSE),
    program: threeTimes,
  },
  {
    reason: 'pool_full',
    when: 'the agent keeps fewer than it opened',
    clients: ['node:http'],
    setting: { maxFree: 1 },
    server: () => scriptedServer(OK_RESPONSE),
    program: (client, script) => Promise.all([askAndRead(client, script), askAndRead(client, script)]),
  },
  {
    reason: 'client_shutdown',
    when: 'the program destroys the client, which is idle',
    clients: UNDICI_CLIENTS,
    server: () => scriptedServer(OK_RESPONSE),
    async program(client, script) {
      await askAndRead(client, script);
      client.shutDown?.();
    },
  },
  {
    // node:http gives no signal about who closed an idle connection: see "Limitations" in docs/causes.md
    reason: 'server_idle_close',
    when: 'the program destroys an agent of node:http, which looks the same',
    clients: ['node:http'],
    server: () => scriptedServer(OK_RESPONSE),
    async program(client, script) {
      await askAndRead(client, script);
      client.shutDown?.();
    },
  },
  {
    reason: 'client_shutdown',
    when: 'the program destroys the client, which waits for an answer',
    clients: [...UNDICI_CLIENTS, 'node:http'],
    server: () => scriptedServer(NO_RESPONSE),
    async program(client, { url, sockets }) {
      const asking = client.sendRequest(url);
      asking.catch(() => {});
      await expect.poll(() => sockets[0]?.bytesRead ?? 0).toBeGreaterThan(0);
      client.shutDown?.();
      await expect(asking).rejects.toThrow();
    },
  },
  {
    reason: 'error',
    when: 'the answer is no HTTP',
    clients: ALL_CLIENTS,
    server: () => scriptedServer('what?\r\n\r\n'),
    program: (client, { url }) => expect(client.sendRequest(url)).rejects.toThrow(),
  },
];

describe.each(WAYS)(
  'the reason is $reason when $when',
  ({ reason, clients, setting = {}, server, program = askAndRead, besides }) => {
    test.each(clients)('%s', async name => {
      const script = await server();
      const { read } = instrument();

      await program(CLIENTS[name](setting), script);

      await expectClosed(read, script.port, { [reason]: 1, ...besides?.(name) });
      expect((await read()).value('connmeter.connection.opened', { 'server.port': script.port })).toBe(script.accepts);
    });
  },
);

describe('the reason is goaway when the server sends GOAWAY and closes', () => {
  const asking: readonly (readonly [string, (url: string) => Promise<unknown>])[] = [
    [
      'undici 6',
      async url => {
        const dispatcher = new undici6.Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
        onTestFinished(() => dispatcher.destroy());
        return (await undici6.request(url, { dispatcher })).body.text();
      },
    ],
    [
      'undici 7',
      async url => {
        const dispatcher = new undici7.Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
        onTestFinished(() => dispatcher.destroy());
        return (await undici7.request(url, { dispatcher })).body.text();
      },
    ],
    [
      'undici 8',
      async url => {
        const dispatcher = new undici8.Agent({ connect: { rejectUnauthorized: false } });
        onTestFinished(() => dispatcher.destroy());
        return (await undici8.request(url, { dispatcher })).body.text();
      },
    ],
    // the undici of Node 22 and 24 uses HTTP/1.1 by default
    ...(BUILT_IN >= 8 ? [['fetch', async (url: string) => (await fetch(url)).text()] as const] : []),
  ];

  test.each(asking)('%s', async (_name, ask) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => void vi.unstubAllEnvs());
    const { port, drop } = await server({ kind: 'http2', certificate: await certificate() });
    const { read } = instrument();

    await ask(`https://127.0.0.1:${port}/goaway`).catch(() => {}); // undici 6 and 7 abort running streams
    await drop();

    await expectClosed(read, port, { goaway: 1 });
  });
});

describe('node:http2', () => {
  async function session(): Promise<{ session: http2.ClientHttp2Session; target: Awaited<ReturnType<typeof server>> }> {
    const target = await server({ kind: 'http2c' });
    const made = http2.connect(`http://127.0.0.1:${target.port}`).on('error', () => {});
    onTestFinished(() => made.destroy());
    return { session: made, target };
  }

  function ask(made: http2.ClientHttp2Session, path = '/'): Promise<unknown> {
    return once(made.request({ ':path': path }).resume(), 'close').catch(() => {});
  }

  test.each<[CloseReason, string, (made: http2.ClientHttp2Session, drop: () => Promise<unknown>) => unknown]>([
    [
      'goaway',
      'the server sends GOAWAY and closes',
      async (made, drop) => {
        await Promise.all([once(made, 'goaway'), ask(made, '/goaway')]);
        await drop();
      },
    ],
    [
      'server_idle_close',
      'the server drops an idle session',
      async (made, drop) => {
        await ask(made);
        await drop();
      },
    ],
    [
      'server_closed_active',
      'the server drops a session with a stream',
      async (made, drop) => {
        await ask(made);
        const hanging = ask(made, '/hang');
        await new Promise(resolve => made.ping(resolve));
        await drop();
        await hanging;
      },
    ],
    [
      'client_shutdown',
      'the program closes the session',
      async made => {
        await ask(made);
        made.close();
      },
    ],
    [
      'client_shutdown',
      'the program destroys a session with a stream',
      async made => {
        await once(made, 'connect'); // it cancels pings that are sent earlier
        const hanging = ask(made, '/hang');
        await new Promise(resolve => made.ping(resolve));
        made.destroy();
        await hanging;
      },
    ],
  ])('%s where %s', async (reason, _when, program) => {
    const { read } = instrument();
    const { session: made, target } = await session();

    await program(made, target.drop);

    await expectClosed(read, target.port, { [reason]: 1 });
  });
});

/** A WebSocket server that sends nothing, and closes at the first data. */
async function webSocketServer(): Promise<AddressInfo> {
  const upgrading = http.createServer().on('upgrade', ({ headers }, socket) => {
    const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n');
    socket.write(`Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`);
    socket.on('error', () => {}).once('data', () => socket.end(Buffer.from([0x88, 0])));
  });
  upgrading.listen(0, '127.0.0.1');
  onTestFinished(() => void upgrading.close());
  await once(upgrading, 'listening');
  return upgrading.address() as AddressInfo;
}

describe('an upgraded connection', () => {
  test('WebSocket', async () => {
    const { port } = await webSocketServer();
    const { read } = instrument();

    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await new Promise(resolve => socket.addEventListener('open', resolve));
    socket.close();

    await expectClosed(read, port, { upgraded: 1 });
  });

  test.each([
    ['undici 6', undici6 as unknown as typeof undici8],
    ['undici 7', undici7 as unknown as typeof undici8],
    ['undici 8', undici8],
  ] as const)('%s', async (_name, { Agent, upgrade }) => {
    const { port } = await server({ kind: 'http' });
    const { read } = instrument();
    const dispatcher = new Agent();
    onTestFinished(() => dispatcher.destroy());

    const { socket } = await upgrade(`http://127.0.0.1:${port}/`, { dispatcher, protocol: 'echo' });
    socket.end().resume();

    await expectClosed(read, port, { upgraded: 1 });
  });

  test.each([
    ['node:http', { method: 'GET', headers: { connection: 'Upgrade', upgrade: 'echo' } }, 'upgrade'],
    ['node:http, a tunnel', { method: 'CONNECT', path: '127.0.0.1:{}' }, 'connect'],
  ] as const)('%s', async (_name, asking, event) => {
    const { port } = await server({ kind: 'http' });
    const { read } = instrument();
    const path = 'path' in asking ? asking.path.replace('{}', String(port)) : '/';

    const request = http.request({ host: '127.0.0.1', port, ...asking, path }).end();
    const [, socket] = (await once(request, event)) as [http.IncomingMessage, Socket];
    socket.end().resume();

    await expectClosed(read, port, { upgraded: 1 });
  });
});

test('an agent with no free socket for one origin still has one for another', async () => {
  const [here, there] = [await scriptedServer(OK_RESPONSE), await scriptedServer(OK_RESPONSE)];
  const { read } = instrument();
  const client = CLIENTS['node:http']({ maxFree: 1 });

  await askAndRead(client, here);
  await askAndRead(client, there);
  expect((await read()).countsOf(there.port)).toMatchObject({ opened: 1, idle: 1 });
  there.sockets[0]?.end();

  await expectClosed(read, there.port, { server_idle_close: 1 });
});

describe('a plain socket', () => {
  test.each<[CloseReason, string, (socket: Socket, script: ScriptedServer) => unknown]>([
    ['peer_closed', 'the other side ends it', (_socket, { sockets }) => sockets[0]?.end()],
    ['client_idle_timeout', 'it times out', socket => socket.setTimeout(50, () => socket.destroy())],
    ['client_idle_timeout', 'it times out, with a farewell', socket => socket.setTimeout(50, () => socket.end('bye'))],
    [
      'client_idle_timeout',
      'the program destroys it with an error when it times out',
      socket => socket.setTimeout(50, () => socket.destroy(new Error('timeout'))),
    ],
    [
      'client_closed',
      'the program ends it long after it had timed out',
      async socket => {
        socket.setTimeout(50);
        await once(socket, 'timeout');
        socket.setTimeout(0);
        socket.write('are you there?');
        await once(socket, 'data');
        socket.end();
      },
    ],
    [
      'client_closed',
      'it timed out once, and only writes since then',
      async (socket, { sockets }) => {
        socket.setTimeout(50);
        await once(socket, 'timeout');
        socket.setTimeout(0);
        sockets[0]?.removeAllListeners('data').resume();
        await nextTurn();
        await new Promise(resolve => socket.write('a measurement', resolve));
        socket.destroy();
      },
    ],
    ['client_closed', 'the program ends it', socket => socket.end()],
    ['client_closed', 'the program destroys it', socket => socket.destroy()],
    ['peer_closed', 'the other side resets it', (_socket, { sockets }) => sockets[0]?.resetAndDestroy()],
    [
      'peer_closed',
      'the program is told to go, and writes too late',
      async (socket, { sockets }) => {
        sockets[0]?.end();
        await once(socket, 'end');
        socket.write('one more');
      },
    ],
    ['client_closed', 'the program destroys it with an error', socket => socket.destroy(new Error('enough'))],
  ])('%s where %s', async (reason, _when, program) => {
    const script = await scriptedServer(OK_RESPONSE);
    const { read } = instrument();
    const socket = net.connect(script.port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void socket.destroy());
    socket.write('hello');
    await once(socket, 'data');

    await program(socket.resume(), script);

    await expectClosed(read, script.port, { [reason]: 1 });
  });
});
