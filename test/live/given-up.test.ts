import { once } from 'node:events';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Socket } from 'node:net';
import { pipeline, Writable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import axios from 'axios';
import got from 'got';
import * as undici8 from 'undici';
import * as undici6 from 'undici6';
import * as undici7 from 'undici7';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CloseReason } from '../../src/core/reasons.ts';
import { certificate } from '../support/certificates.ts';
import { HALF_RESPONSE, NO_RESPONSE, OK_RESPONSE, type ScriptedServer, scriptedServer } from '../support/clients.ts';
import { expectClosed } from '../support/close-reasons.ts';
import { instrument } from '../support/instrument.ts';

// Requests and responses that the program gives up, or that end before they are complete. The close reason has to name the
// side that did it.

function keepAliveAgent(): http.Agent {
  const agent = new http.Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  return agent;
}

/** Sends a request of node:http, whose errors and responses are left to the program. */
function send(url: string, options: http.RequestOptions = {}): ClientRequest {
  return http.get(url, { agent: keepAliveAgent(), ...options }).on('error', () => {});
}

async function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response.on('error', () => {});
}

/** Waits until the server has the request. */
async function arrival({ sockets }: ScriptedServer): Promise<void> {
  await expect.poll(() => sockets[0]?.bytesRead ?? 0).toBeGreaterThan(0);
}

/** `once` would reject with the error that comes first. */
function closeOf(request: ClientRequest): Promise<unknown> {
  return new Promise(resolve => request.on('close', resolve));
}

/** Milliseconds that are enough to connect. */
const TIMEOUT = 500;

/** The reset of some other socket. */
function foreignReset(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
}

type Way = readonly [CloseReason, what: string, bytes: string, (script: ScriptedServer) => unknown];

const OF_HTTP: readonly Way[] = [
  [
    'request_timeout',
    'its timeout expires, and it is destroyed with an error',
    NO_RESPONSE,
    async script => {
      const request = send(script.url).on('timeout', () => request.destroy(new Error('enough')));
      await arrival(script);
      request.setTimeout(50);
    },
  ],
  [
    'request_timeout',
    'the timeout of its socket expires, and the socket is destroyed with an error',
    NO_RESPONSE,
    async script => {
      const request = send(script.url);
      await arrival(script);
      request.socket?.setTimeout(50, () => request.socket?.destroy(new Error('enough')));
    },
  ],
  [
    'request_timeout',
    'it is destroyed with an error that says so',
    NO_RESPONSE,
    async script => {
      const request = send(script.url);
      await arrival(script);
      request.destroy(new Error('no answer: timeout'));
    },
  ],
  [
    'request_timeout',
    'AbortSignal.timeout() strikes',
    NO_RESPONSE,
    ({ url }) => void send(url, { signal: AbortSignal.timeout(TIMEOUT) }),
  ],
  [
    'request_timeout',
    'AbortSignal.timeout() strikes in the response',
    HALF_RESPONSE,
    async ({ url }) => void (await responseTo(send(url, { signal: AbortSignal.timeout(TIMEOUT) }))).resume(),
  ],
  [
    'request_aborted',
    'it is destroyed with an error',
    NO_RESPONSE,
    async script => {
      const request = send(script.url);
      await arrival(script);
      request.destroy(new Error('enough'));
    },
  ],
  [
    'request_aborted',
    'it is destroyed with the reset of another socket',
    NO_RESPONSE,
    async script => {
      const request = send(script.url);
      await arrival(script);
      request.destroy(foreignReset());
      await closeOf(request); // a collection before that cannot distinguish it from the network's
    },
  ],
  [
    'request_aborted',
    'its socket is destroyed with an error',
    NO_RESPONSE,
    async script => {
      const request = send(script.url);
      await arrival(script);
      request.socket?.destroy(new Error('enough'));
    },
  ],
  [
    'request_aborted',
    'an AbortSignal strikes',
    NO_RESPONSE,
    async script => {
      const abort = new AbortController();
      send(script.url, { signal: abort.signal });
      await arrival(script);
      abort.abort();
    },
  ],
  [
    'body_cancelled',
    'its response is destroyed with an error',
    HALF_RESPONSE,
    async ({ url }) => void (await responseTo(send(url))).destroy(new Error('enough')),
  ],
  [
    'body_cancelled',
    'its response is destroyed with the reset of another socket',
    HALF_RESPONSE,
    async ({ url }) => {
      const request = send(url);
      (await responseTo(request)).destroy(foreignReset());
      await closeOf(request);
    },
  ],
  [
    'body_cancelled',
    'its response is piped to a stream that fails',
    HALF_RESPONSE,
    async ({ url }) => {
      const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
      pipeline(await responseTo(send(url)), full, () => {});
    },
  ],
  [
    'body_cancelled',
    'its small response is destroyed unread',
    OK_RESPONSE,
    ({ url }) => void send(url).on('response', response => response.destroy()),
  ],
  [
    'body_cancelled',
    'its response is destroyed after a timeout that ended nothing',
    NO_RESPONSE,
    async script => {
      const request = send(script.url);
      await arrival(script);
      await once(request.setTimeout(50), 'timeout');
      script.sockets[0]?.write(HALF_RESPONSE);
      (await responseTo(request)).destroy();
    },
  ],
  [
    'client_shutdown',
    'its agent is destroyed while the connection is on its way back',
    OK_RESPONSE,
    async ({ url }) => {
      const agent = keepAliveAgent();
      (await responseTo(send(url, { agent }))).resume().on('end', () => agent.destroy());
    },
  ],
  [
    'server_closed_active',
    'the server resets the connection, and the program destroys the request then',
    NO_RESPONSE,
    async script => {
      const request = send(script.url);
      request.on('error', error => request.destroy(error));
      await arrival(script);
      script.sockets[0]?.resetAndDestroy();
    },
  ],
  [
    'server_closed_active',
    'the server ends the connection, and the program destroys the request then',
    NO_RESPONSE,
    async script => {
      const request = send(script.url);
      request.on('error', error => request.destroy(error));
      await arrival(script);
      script.sockets[0]?.end();
    },
  ],
  [
    'server_closed_active',
    'the server resets the connection, and the program destroys the response then',
    HALF_RESPONSE,
    async script => {
      const response = await responseTo(send(script.url));
      response.resume().on('error', error => response.destroy(error));
      script.sockets[0]?.resetAndDestroy();
    },
  ],
];

test.each(OF_HTTP)('node:http: %s when %s', async (reason, _what, bytes, program) => {
  const script = await scriptedServer(bytes);
  const { read } = instrument();

  await program(script);

  await expectClosed(read, script.port, { [reason]: 1 });
});

test('a broken TLS record is an error of the network', async () => {
  const pem = await certificate();
  const server = https.createServer(pem, (_request, response) => void response.end('x'.repeat(1_000)));
  const target = await listen(server);
  let requested = false;
  const damaging = net.createServer(client => {
    const onward = net.connect(target, '127.0.0.1').on('error', () => client.destroy());
    client.on('error', () => {}).on('close', () => onward.destroy());
    client.pipe(onward);
    onward.on('data', data => {
      if (requested) data[data.length - 1] = (data.at(-1) as number) ^ 1;
      client.write(data);
    });
  });
  const port = await listen(damaging);
  const { read } = instrument();

  const request = https.request({ host: '127.0.0.1', port, rejectUnauthorized: false });
  request.on('socket', socket =>
    socket.once('secureConnect', () => {
      requested = true;
      request.end();
    }),
  );

  await expect(once(request, 'response')).rejects.toThrow('SSL');
  await expectClosed(read, port, { error: 1 });
});

async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    if (server instanceof http.Server || server instanceof https.Server) server.closeAllConnections();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The fetch of each client, with a dispatcher that keeps its connections if it is undici from npm. */
const FETCHES: Readonly<Record<string, () => typeof fetch>> = {
  'built in': () => fetch,
  'undici 6': () => fetchOf(undici6 as unknown as typeof undici8),
  'undici 7': () => fetchOf(undici7 as unknown as typeof undici8),
  'undici 8': () => fetchOf(undici8),
};

function fetchOf(undici: typeof undici8): typeof fetch {
  const dispatcher = new undici.Agent();
  onTestFinished(() => dispatcher.destroy());
  return ((url: string, options: object) => undici.fetch(url, { ...options, dispatcher })) as unknown as typeof fetch;
}

/** undici opens connections to replace those that are given up: https://github.com/nodejs/undici/issues/5845 */
async function expectAnyClosed(
  read: ReturnType<typeof instrument>['read'],
  port: number,
  reason: CloseReason,
): Promise<void> {
  const count = async (query: object) =>
    (await read()).value('connmeter.connection.closed', { 'server.port': port, ...query });
  await expect.poll(() => count({ 'connmeter.close.reason': reason }), { timeout: 8_000, interval: 50 }).toBe(1);
  const others = (await read()).points('connmeter.connection.closed', { 'server.port': port });
  const reasons = others.filter(({ value }) => value > 0).map(({ attributes }) => attributes['connmeter.close.reason']);
  expect(reasons.filter(each => each !== 'client_shutdown')).toEqual([reason]);
}

describe.each(Object.entries(FETCHES))('fetch, %s', (_name, fetchWith) => {
  test('a response that nobody reads is body_unread when it is collected as garbage', async () => {
    const script = await scriptedServer(HALF_RESPONSE);
    const { read } = instrument();
    const get = fetchWith();
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;

    await (async () => void (await get(script.url)).ok)();

    await expect
      .poll(
        async () => {
          collectGarbage();
          return (await read()).value('connmeter.connection.closed', {
            'server.port': script.port,
            'connmeter.close.reason': 'body_unread',
          });
        },
        { timeout: 8_000, interval: 50 },
      )
      .toBe(1);
  });

  test('a body that the program cancels is body_cancelled, whatever it says', async () => {
    const script = await scriptedServer(HALF_RESPONSE);
    const { read } = instrument();

    await (await fetchWith()(script.url)).body?.cancel('Response object is not needed');

    await expectAnyClosed(read, script.port, 'body_cancelled');
  });

  test('AbortSignal.timeout() is request_timeout before the response', async () => {
    const script = await scriptedServer(NO_RESPONSE);
    const { read } = instrument();

    await expect(fetchWith()(script.url, { signal: AbortSignal.timeout(TIMEOUT) })).rejects.toThrow();

    await expectAnyClosed(read, script.port, 'request_timeout');
  });

  test('AbortSignal.timeout() is request_timeout in the response', async () => {
    const script = await scriptedServer(HALF_RESPONSE);
    const { read } = instrument();

    const response = await fetchWith()(script.url, { signal: AbortSignal.timeout(TIMEOUT) });
    await expect(response.text()).rejects.toThrow();

    await expectAnyClosed(read, script.port, 'request_timeout');
  });

  test('a response that comes before the upload has ended is request_aborted', async () => {
    const port = await listen(
      http.createServer((_request, response) => void response.writeHead(413, { 'Content-Length': 2 }).end('no')),
    );
    const { read } = instrument();

    const response = await fetchWith()(`http://127.0.0.1:${port}/`, { method: 'POST', body: Buffer.alloc(20_000_000) });
    expect(await response.text()).toBe('no');

    await expectAnyClosed(read, port, 'request_aborted');
  });
});

test('node:http: a server that closes in the middle of an upload that it has answered', async () => {
  let accepted: net.Socket | undefined;
  const port = await listen(
    http.createServer((request, response) => {
      accepted = request.socket;
      response.writeHead(413, { 'Content-Length': 2 }).end('no');
    }),
  );
  const { read } = instrument();

  const request = http.request({ host: '127.0.0.1', port, method: 'POST', agent: keepAliveAgent() });
  request
    .on('error', () => {})
    .on('response', response => {
      response.resume();
      accepted?.destroy(); // at once: the upload takes a few milliseconds
    });
  await closeOf(request.end(Buffer.alloc(20_000_000)));

  await expectClosed(read, port, { server_closed_active: 1 });
});

test.each<[CloseReason, string, (url: string, signal: AbortSignal) => Promise<unknown>]>([
  [
    'request_timeout',
    'timeout of axios',
    url => axios.get(url, { timeout: TIMEOUT, proxy: false, httpAgent: keepAliveAgent() }),
  ],
  [
    'request_aborted',
    'signal of axios',
    (url, signal) => axios.get(url, { signal, proxy: false, httpAgent: keepAliveAgent() }),
  ],
  ['request_timeout', 'timeout of got', url => got(url, { timeout: { request: TIMEOUT }, retry: { limit: 0 } })],
  ['request_aborted', 'signal of got', (url, signal) => got(url, { signal, retry: { limit: 0 } })],
])('%s after a %s', async (reason, _what, get) => {
  const script = await scriptedServer(NO_RESPONSE);
  const { read } = instrument();
  const abort = new AbortController();

  const asking = get(script.url, abort.signal);
  asking.catch(() => {});
  await arrival(script);
  if (reason === 'request_aborted') abort.abort();

  await expect(asking).rejects.toThrow();
  await expectClosed(read, script.port, { [reason]: 1 });
});

describe('a refused upgrade is none', () => {
  const REFUSED = 'HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

  test('node:http, which destroys the request', async () => {
    const script = await scriptedServer(REFUSED, socket => socket.end());
    const { read } = instrument();

    const request = send(script.url, { headers: { connection: 'Upgrade', upgrade: 'websocket' } });
    await responseTo(request);
    request.destroy();

    await expectClosed(read, script.port, { server_close_header: 1 });
  });

  test('WebSocket', async () => {
    const script = await scriptedServer(REFUSED, socket => socket.end());
    const { read } = instrument();

    const socket = new WebSocket(script.url.replace('http', 'ws'));
    await new Promise(resolve => socket.addEventListener('error', resolve));

    // Some versions of undici try again.
    await expectClosed(read, script.port, { server_close_header: script.accepts });
  });
});

describe('agents that are not made by Node', () => {
  test('keep_alive_off with an agent that has no keepAlive, because then Node sends Connection: close', async () => {
    let asked: string | undefined;
    const port = await listen(
      http.createServer((request, response) => {
        asked = request.headers.connection;
        response.end('x');
      }),
    );
    const { read } = instrument();
    // As agent-base 6 does.
    const agent = {
      addRequest: (request: { onSocket(socket: Socket): void }) => request.onSocket(net.connect(port, '127.0.0.1')),
    };

    const request = send(`http://127.0.0.1:${port}/`, { agent: agent as unknown as http.Agent });
    await once((await responseTo(request)).resume(), 'close');

    expect(asked).toBe('close');
    await expectClosed(read, port, { keep_alive_off: 1 });
  });

  /** Closes connections at an age, as agentkeepalive does with `socketActiveTTL`. */
  class AgedAgent extends http.Agent {
    readonly #ageLimit: number;
    readonly #made = new WeakMap<object, number>();

    constructor(socketActiveTTL: number) {
      super({ keepAlive: true, timeout: 5_000, socketActiveTTL } as http.AgentOptions);
      this.#ageLimit = socketActiveTTL;
      onTestFinished(() => this.destroy());
    }

    override createConnection(...args: Parameters<http.Agent['createConnection']>) {
      const socket = super.createConnection(...args) as Socket;
      this.#made.set(socket, Date.now());
      return socket;
    }

    override keepSocketAlive(socket: Socket): boolean {
      const left = this.#ageLimit - (Date.now() - (this.#made.get(socket) ?? 0));
      if (left > 0) socket.setTimeout(left);
      return left > 0;
    }
  }

  test.each([
    ['while it is idle', 150, 0],
    ['during a request', 50, 100],
  ])('connection_expired when a connection reaches its age %s', async (_when, ageLimit, responseTime) => {
    const port = await listen(
      http.createServer((_request, response) => void setTimeout(() => response.end('x'), responseTime)),
    );
    const { read } = instrument();

    const request = send(`http://127.0.0.1:${port}/`, { agent: new AgedAgent(ageLimit) });
    await once((await responseTo(request)).resume(), 'close');

    await expectClosed(read, port, { connection_expired: 1 });
  });
});
