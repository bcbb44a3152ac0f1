import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type ServerOptions } from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { instrument, type Readings } from '../support/instrument.ts';
import { expectServerCounts, type ServerCounts, serverCountsOf } from '../support/server-counts.ts';
import { until } from '../support/until.ts';

const CERTIFICATE = await certificate();

type Kind = 'http' | 'https' | 'http2c' | 'http2' | 'fallback' | 'net' | 'tls';
type Answer = (request: IncomingMessage, response: http.ServerResponse, server: Server) => void;

interface Setting {
  readonly options?: ServerOptions & tls.TlsOptions;
  readonly answer?: Answer;
  readonly onSocket?: (socket: Socket) => void;
  readonly prepare?: (server: Server & { maxRequestsPerSocket?: number; setTimeout?: (ms: number) => void }) => void;
}

const hello: Answer = (_request, response) => void response.end('hello');
const never: Answer = () => {};

/** Server timeouts short enough for a test; all others are off. */
const PATIENT = { keepAliveTimeout: 20_000, connectionsCheckingInterval: 20, noDelay: true };

async function listening(kind: Kind, { options, answer = hello, onSocket, prepare }: Setting = {}) {
  const all: object = { ...CERTIFICATE, ...PATIENT, ...options };
  const onRequest = ((request, response) => answer(request, response, server)) as RequestListener;
  const echo = onSocket ?? ((socket: Socket) => void socket.on('error', () => {}).pipe(socket));
  const make: Record<Kind, () => Server> = {
    http: () => http.createServer(all, onRequest),
    https: () => https.createServer(all, onRequest),
    http2c: () => http2.createServer(all, onRequest as never),
    http2: () => http2.createSecureServer(all, onRequest as never),
    fallback: () => http2.createSecureServer({ ...all, allowHTTP1: true }, onRequest as never),
    net: () => net.createServer(echo),
    tls: () => tls.createServer(all, echo),
  };
  const server = make[kind]();
  Object.assign(server, { keepAliveTimeoutBuffer: 0 });
  prepare?.(server as never);
  const sockets = new Set<Socket>();
  server.on('connection', socket => sockets.add(socket));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

const isSecure = (kind: Kind) => kind === 'https' || kind === 'http2' || kind === 'fallback' || kind === 'tls';

/** A client that sends given bytes and reads the response. */
async function dial(kind: Kind, port: number): Promise<Socket> {
  const socket = isSecure(kind)
    ? tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE.cert, noDelay: true } as tls.ConnectionOptions)
    : net.connect({ port, host: '127.0.0.1', noDelay: true });
  onTestFinished(() => void socket.destroy());
  await once(socket.on('error', () => {}).resume(), isSecure(kind) ? 'secureConnect' : 'connect');
  return socket;
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const KEPT_1_0 = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';

/** Sends bytes, and waits for data. */
async function say(socket: Socket, words: string): Promise<void> {
  const answered = once(socket, 'data');
  socket.write(words);
  await answered;
}

async function asked(kind: Kind, port: number, words = GET): Promise<Socket> {
  const socket = await dial(kind, port);
  await say(socket, words);
  return socket;
}

const ENDED = { durations: 1 };
/** One request was served, and the connection is closed. */
const served = (reason: string): Partial<ServerCounts> => ({
  accepted: 1,
  fresh: 1,
  closed: { [reason]: 1 },
  ...ENDED,
  requestsAtClose: 1,
});
const unserved = (reason: string): Partial<ServerCounts> => ({ accepted: 1, closed: { [reason]: 1 }, ...ENDED });

interface Case {
  readonly what: string;
  readonly setting?: Setting;
  readonly act: (kind: Kind, port: number, server: Server) => Promise<unknown>;
  readonly outcome: Partial<ServerCounts>;
  readonly only?: Kind;
  /** In Node 22, HTTP/1 on an HTTP/2 server has no timeouts. */
  readonly notInFallback?: boolean;
}

const MAJOR = Number(process.versions.node.split('.')[0]);

const CASES: readonly Case[] = [
  {
    what: 'an idle connection is ended by the server after its keep-alive timeout',
    setting: { options: { keepAliveTimeout: 50 } },
    act: (kind, port) => asked(kind, port),
    outcome: served('keep_alive_timeout'),
    notInFallback: true,
  },
  {
    what: 'the client ends an idle connection',
    act: async (kind, port) => (await asked(kind, port)).end(),
    outcome: served('client_closed_idle'),
  },
  {
    what: 'the client resets an idle connection',
    act: async (kind, port) => (await asked(kind, port)).resetAndDestroy(),
    outcome: served('client_closed_idle'),
    only: 'http',
  },
  {
    what: 'the client goes away before it said a word',
    act: async (kind, port) => (await dial(kind, port)).end(),
    outcome: unserved('client_closed_idle'),
  },
  {
    what: 'the client goes away before its answer',
    setting: { answer: (request, response) => void response.writeHead(200).write('begun', () => request.resume()) },
    act: async (kind, port) => (await asked(kind, port)).destroy(),
    outcome: served('client_aborted'),
  },
  {
    what: 'the client resets in the middle of its answer',
    setting: { answer: (_request, response) => void response.writeHead(200).write('begun') },
    act: async (kind, port) => (await asked(kind, port)).resetAndDestroy(),
    outcome: served('client_aborted'),
    only: 'http',
  },
  {
    what: 'the client goes away in the middle of a large answer that it does not read',
    setting: { answer: (_request, response) => void response.end(Buffer.alloc(20_000_000)) },
    act: async (kind, port) => {
      const socket = await dial(kind, port);
      await say(socket, GET);
      socket.pause().destroy();
    },
    outcome: served('client_aborted'),
  },
  {
    what: 'the client goes away in the middle of its headers',
    act: async (kind, port) => (await dial(kind, port)).end('GET / HTTP/1.1\r\nHo'),
    outcome: unserved('client_aborted'),
  },
  {
    what: 'headers come too slowly',
    setting: { options: { headersTimeout: 400, requestTimeout: 400 } },
    act: async (kind, port) => (await dial(kind, port)).write('GET / HTTP/1.1\r\nHo'),
    outcome: unserved('request_timeout'),
    notInFallback: true,
  },
  {
    what: 'the body comes too slowly',
    setting: { options: { headersTimeout: 400, requestTimeout: 400 }, answer: never },
    act: async (kind, port) =>
      (await dial(kind, port)).write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc'),
    outcome: served('request_timeout'),
    notInFallback: true,
  },
  {
    what: 'an answer takes longer than the timeout of the server',
    setting: { answer: never, prepare: server => server.setTimeout?.(400) },
    act: async (kind, port) => (await dial(kind, port)).write(GET),
    outcome: served('request_timeout'),
  },
  {
    what: 'the server says Connection: close',
    setting: { answer: (_request, response) => void response.setHeader('connection', 'close').end('bye') },
    act: (kind, port) => asked(kind, port),
    outcome: served('server_close_header'),
  },
  {
    what: 'the client says Connection: close',
    act: (kind, port) => asked(kind, port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    outcome: served('client_close_header'),
  },
  {
    what: 'the client speaks HTTP/1.0',
    act: (kind, port) => asked(kind, port, 'GET / HTTP/1.0\r\n\r\n'),
    outcome: served('client_close_header'),
  },
  {
    what: 'the client speaks HTTP/1.0 and asks to keep the connection, but the answer has no length',
    act: (kind, port) => asked(kind, port, KEPT_1_0),
    outcome: served('client_close_header'),
  },
  {
    what: 'the same, and the server says Connection: close',
    setting: { answer: (_request, response) => void response.setHeader('connection', 'close').end('bye') },
    act: (kind, port) => asked(kind, port, KEPT_1_0),
    outcome: served('server_close_header'),
  },
  {
    what: 'the same with a length, so the connection is kept until the client ends it',
    setting: { answer: (_request, response) => void response.setHeader('content-length', 5).end('hello') },
    act: async (kind, port) => (await asked(kind, port, KEPT_1_0)).end(),
    outcome: served('client_closed_idle'),
  },
  {
    what: 'the client never sends anything',
    setting: { options: { headersTimeout: 400, requestTimeout: 400 } },
    act: (kind, port) => dial(kind, port),
    outcome: unserved('never_used'),
    notInFallback: true,
  },
  {
    what: 'the client never sends anything, and the server has a timeout',
    setting: { prepare: server => server.setTimeout?.(400) },
    act: (kind, port) => dial(kind, port),
    outcome: unserved('never_used'),
  },
  {
    what: 'the connection had all the requests it may',
    setting: {
      prepare: server => {
        server.maxRequestsPerSocket = 2;
      },
    },
    act: async (kind, port) => {
      const socket = await asked(kind, port);
      await say(socket, GET);
      socket.end();
    },
    outcome: { accepted: 1, fresh: 1, reused: 1, closed: { max_requests: 1 }, ...ENDED, requestsAtClose: 2 },
  },
  {
    what: 'the server closes while the connection is idle',
    act: async (kind, port, server) => {
      await asked(kind, port);
      server.close();
    },
    outcome: served('server_shutdown'),
  },
  {
    what: 'the server closes all its connections in the middle of an exchange',
    setting: {
      answer: (request, _response, server) =>
        (server as http.Server).closeAllConnections?.() ?? request.socket.destroy(),
    },
    act: async (kind, port) => (await dial(kind, port)).write(GET),
    outcome: served('server_shutdown'),
  },
  {
    what: 'the program destroys the socket of a request',
    setting: { answer: request => void request.socket.destroy() },
    act: async (kind, port) => (await dial(kind, port)).write(GET),
    outcome: served('server_shutdown'),
  },
  {
    what: 'the client speaks no HTTP',
    act: async (kind, port) => (await dial(kind, port)).write('HELO\r\n\r\n'),
    outcome: unserved('error'),
  },
];

describe.each(['http', 'https', 'fallback'] as const)('%s:', kind => {
  const happens = ({ only, notInFallback }: Case) =>
    (only === undefined || only === kind) && !(notInFallback && kind === 'fallback' && MAJOR === 22);

  test.each(CASES.filter(happens))('$what', async ({ setting, act, outcome }) => {
    const { read } = instrument();
    const { port, server } = await listening(kind, setting);

    await act(kind, port, server);

    await expectServerCounts(read, port, outcome);
  });
});

describe.each(['http2c', 'http2'] as const)('%s:', kind => {
  const session = (port: number) => {
    const client = http2.connect(`${isSecure(kind) ? 'https' : 'http'}://127.0.0.1:${port}`, { ca: CERTIFICATE.cert });
    onTestFinished(() => client.destroy());
    return client.on('error', () => {});
  };
  const get = (client: http2.ClientHttp2Session) => {
    const stream = client.request({ ':path': '/' }).on('error', () => {});
    return once(stream.resume(), 'close');
  };
  /** Waits until a request without a response has arrived. */
  const hangingOn = async (client: http2.ClientHttp2Session, server: Server) => {
    client.request({ ':path': '/' }).on('error', () => {});
    await once(server, 'request');
  };
  const sessionOf = (request: IncomingMessage) => (request as unknown as http2.Http2ServerRequest).stream.session;

  test('streams that began before disable() do not end those that began after enable()', async () => {
    const { read, instrumentation } = instrument();
    const { port, server } = await listening(kind, { answer: never });
    const client = session(port);
    /** A request without a response, which a call cancels. That resolves once the server has seen it. */
    const hanging = async () => {
      const stream = client.request({ ':path': '/' }).on('error', () => {});
      const [request] = (await once(server, 'request')) as [http2.Http2ServerRequest];
      return async () => {
        const closed = new Promise(resolve => request.stream.on('error', () => {}).once('close', resolve));
        stream.close(http2.constants.NGHTTP2_CANCEL);
        await closed;
      };
    };

    const before = [await hanging(), await hanging()];
    instrumentation.disable();
    instrumentation.enable();
    const after = await hanging();
    await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 2, active: 1 });
    await Promise.all(before.map(cancel => cancel()));

    await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 2, active: 1 });

    await after();

    await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 2, idle: 1 });
  });

  test.each<Omit<Case, 'act'> & { act: (client: http2.ClientHttp2Session, server: Server) => Promise<unknown> }>([
    {
      what: 'the client closes the idle session',
      act: async client => {
        await get(client);
        client.close();
      },
      outcome: served('client_closed_idle'),
    },
    {
      what: 'the client destroys the idle session',
      act: async client => {
        await get(client);
        client.destroy();
      },
      outcome: served('client_closed_idle'),
    },
    {
      what: 'the client goes away without a word',
      act: async client => {
        await get(client);
        (client.socket.valueOf() as Socket).destroy();
      },
      outcome: served('client_closed_idle'),
    },
    {
      what: 'the client connects, asks nothing and closes',
      act: async client => {
        await once(client, 'remoteSettings');
        client.close();
      },
      outcome: unserved('client_closed_idle'),
    },
    {
      what: 'the client goes away with a stream open',
      setting: { answer: never },
      act: async (client, server) => {
        await hangingOn(client, server);
        (client.socket.valueOf() as Socket).destroy();
      },
      outcome: served('client_aborted'),
    },
    {
      what: 'the client destroys the session with a stream open',
      setting: { answer: never },
      act: async (client, server) => {
        await hangingOn(client, server);
        client.destroy();
      },
      outcome: served('client_aborted'),
    },
    {
      what: 'the client gives a stream up, and closes later',
      setting: { answer: never },
      act: async (client, server) => {
        const stream = client.request({ ':path': '/' }).on('error', () => {});
        await once(server, 'request');
        stream.close(8);
        await once(stream, 'close');
        await new Promise(resolve => client.ping(resolve));
        client.close();
      },
      outcome: served('client_closed_idle'),
    },
    {
      what: 'the server closes the session, as at a shutdown',
      setting: { answer: (request, response) => void response.end('last', () => sessionOf(request)?.close()) },
      act: get,
      outcome: served('server_shutdown'),
    },
    {
      what: 'the server destroys the session',
      setting: { answer: request => sessionOf(request)?.destroy() },
      act: get,
      outcome: served('server_shutdown'),
    },
    {
      what: 'the timeout of the server strikes while nothing is asked',
      setting: { prepare: server => server.setTimeout?.(400) },
      act: get,
      outcome: served('keep_alive_timeout'),
    },
    {
      what: 'the timeout of the server strikes before the answer',
      setting: { answer: never, prepare: server => server.setTimeout?.(400) },
      act: get,
      outcome: served('request_timeout'),
    },
  ])('$what', async ({ setting, act, outcome }) => {
    const { read } = instrument();
    const { port, server } = await listening(kind, setting);

    await act(session(port), server);

    await expectServerCounts(read, port, outcome);
  });

  test('streams share the connection of their session, with protocol version 2', async () => {
    const { read } = instrument();
    const waiting: http.ServerResponse[] = [];
    const { port } = await listening(kind, { answer: (_request, response) => void waiting.push(response) });
    const client = session(port);

    const answers = Promise.all([1, 2, 3].map(() => get(client)));

    await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 2, active: 1 });
    const [open] = (await read())
      .points('connmeter.server.connection.open', { 'server.port': port, 'http.connection.state': 'active' })
      .filter(({ value }) => value > 0);
    expect(open?.attributes['network.protocol.version']).toBe('2');

    for (const response of waiting) response.end();
    await answers;
    await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 2, idle: 1 });
  });
});

test('connections are active during a request and idle between requests, and all requests but the first are reused', async () => {
  const { read } = instrument();
  const waiting: http.ServerResponse[] = [];
  const { port } = await listening('http', { answer: (_request, response) => void waiting.push(response) });
  const [first, second] = [await dial('http', port), await dial('http', port)];
  await expectServerCounts(read, port, { accepted: 2, idle: 2 });

  first.write(GET);
  await expectServerCounts(read, port, { accepted: 2, fresh: 1, active: 1, idle: 1 });
  waiting.pop()?.end();
  await expectServerCounts(read, port, { accepted: 2, fresh: 1, idle: 2 });
  first.write(GET);
  second.write(GET);
  await expectServerCounts(read, port, { accepted: 2, fresh: 2, reused: 1, active: 2 });

  for (const response of waiting) response.end();
  await expectServerCounts(read, port, { accepted: 2, fresh: 2, reused: 1, idle: 2 });
  first.end();
  second.end();
  await expectServerCounts(read, port, {
    accepted: 2,
    fresh: 2,
    reused: 1,
    closed: { client_closed_idle: 2 },
    durations: 2,
    requestsAtClose: 3,
  });
});

test('a connection stays active until the last pipelined request is answered', async () => {
  const { read } = instrument();
  const waiting: http.ServerResponse[] = [];
  const { port } = await listening('http', { answer: (_request, response) => void waiting.push(response) });
  const socket = await dial('http', port);

  socket.write(GET + GET + GET);

  await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 2, active: 1 });
  waiting.shift()?.end();
  waiting.shift()?.end();
  await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 2, active: 1 });
  waiting.shift()?.end();
  await expectServerCounts(read, port, { accepted: 1, fresh: 1, reused: 2, idle: 1 });
});

test('a connection with incomplete request headers is active', async () => {
  const { read } = instrument();
  const { port } = await listening('http');

  (await dial('http', port)).write('GET / HTTP/1.1\r\nHo');

  await expectServerCounts(read, port, { accepted: 1, active: 1 });
});

test('connections refused because of maxConnections are counted separately', async () => {
  const { read } = instrument();
  const { port, server } = await listening('http');
  server.maxConnections = 1;
  const first = await asked('http', port);

  for (let i = 0; i < 2; i++)
    await once(
      net
        .connect(port, '127.0.0.1')
        .on('error', () => {})
        .resume(),
      'close',
    );

  await expectServerCounts(read, port, { accepted: 1, refused: 2, fresh: 1, idle: 1 });
  first.end();
  await expectServerCounts(read, port, { ...served('client_closed_idle'), refused: 2 });
});

test('a server that refuses every connection has series from when it listens', async () => {
  const { read } = instrument();
  const { port } = await listening('net', {
    prepare: server => {
      server.maxConnections = 0;
    },
  });

  await once(
    net
      .connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume(),
    'close',
  );

  await expectServerCounts(read, port, { refused: 1 });
});

test('all series of a listening server are initialised to zero', async () => {
  const { read } = instrument();
  const { port } = await listening('https');

  const readings = await read();

  const at = { 'server.address': '127.0.0.1', 'server.port': port, 'network.protocol.name': 'http' };
  for (const name of ['accepted', 'refused']) {
    expect(readings.points(`connmeter.server.connection.${name}`, at)).toMatchObject([{ value: 0 }]);
  }
  expect(readings.points('connmeter.server.requests', at).map(({ value }) => value)).toEqual([0, 0]);
  expect(readings.points('connmeter.server.connection.open', at).map(({ value }) => value)).toEqual([0, 0]);
  const reasons = readings.points('connmeter.server.connection.closed', at);
  expect(reasons.map(({ attributes }) => attributes['connmeter.close.reason']).sort()).toEqual([
    'client_aborted',
    'client_close_header',
    'client_closed_idle',
    'error',
    'keep_alive_hint_too_short',
    'keep_alive_timeout',
    'request_timeout',
    'server_close_header',
    'server_shutdown',
    'tls_failed',
    'upgraded',
  ]);
});

describe('the address label is that of the listener:', () => {
  const addressOf = async (server: Server, options: net.ListenOptions, client: net.NetConnectOpts) => {
    const { read } = instrument();
    onTestFinished(() => void server.close());
    await once(server.listen(options), 'listening');
    const bound = server.address();
    const socket = net.connect(typeof bound === 'string' ? client : { ...client, port: bound?.port as number });
    onTestFinished(() => void socket.destroy());
    await once(
      socket.on('error', () => {}),
      'connect',
    );
    const accepted = await until(
      async () => (await read()).points('connmeter.server.connection.accepted').filter(({ value }) => value > 0),
      points => points.length > 0,
    );
    socket.destroy();
    return { bound, labels: accepted.map(({ attributes }) => attributes) };
  };
  const silent = () => net.createServer(socket => void socket.on('error', () => {}));

  test.each([
    ['0.0.0.0', '127.0.0.2'],
    ['::', '::1'],
    ['::', '127.0.0.3'],
    ['127.0.0.4', '127.0.0.4'],
  ])('listening on %s, reached at %s', async (host, at) => {
    const { bound, labels } = await addressOf(silent(), { host, port: 0 }, { host: at, port: 0 });

    expect(labels).toEqual([{ 'server.address': host, 'server.port': (bound as AddressInfo).port }]);
  });

  test('a Unix socket has its path and no port', async () => {
    const path = join(tmpdir(), `connmeter-${process.pid}-Listener.sock`);

    const { labels } = await addressOf(silent(), { path }, { path });

    expect(labels).toEqual([{ 'server.address': path }]);
  });

  test('a server that receives connections from another one has the address of that one', async () => {
    const inner = http.createServer((_request, response) => response.end('hello'));
    const outer = net.createServer(socket => void inner.emit('connection', socket));

    const { bound, labels } = await addressOf(outer, { host: '0.0.0.0', port: 0 }, { host: '127.0.0.1', port: 0 });

    const { port } = bound as AddressInfo;
    expect(labels).toEqual([{ 'server.address': '0.0.0.0', 'server.port': port, 'network.protocol.name': 'http' }]);
  });
});

test('requests on a connection that is handed to an HTTP server later are counted', async () => {
  const { read } = instrument();
  const inner = http.createServer((_request, response) => response.end('hello'));
  const { port } = await listening('net', {
    onSocket: socket =>
      socket.once('data', words => {
        inner.emit('connection', socket);
        socket.unshift(words);
      }),
  });

  const socket = await asked('http', port);
  socket.end();

  await expectServerCounts(read, port, { accepted: 1, fresh: 1, closed: { client_closed_idle: 1 }, durations: 1 });
});

test('a server that listens again on another port is counted under that port', async () => {
  const { read } = instrument();
  const { port, server } = await listening('http');
  (await asked('http', port)).end();
  await expectServerCounts(read, port, served('client_closed_idle'));
  server.close();
  await once(server, 'close');

  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port: next } = server.address() as AddressInfo;
  (await asked('http', next)).end();

  await expectServerCounts(read, next, served('client_closed_idle'));
});

test('a server that listened before connmeter started counts new connections, and requests on older ones', async () => {
  const { port, server } = await listening('http');
  server.maxConnections = 2;
  const older = await asked('http', port);
  const { read } = instrument();

  await say(older, GET);
  await expectServerCounts(read, port, { fresh: 1 });
  const newer = await asked('http', port);
  await once(
    net
      .connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume(),
    'close',
  );
  older.end();
  newer.end();

  await expectServerCounts(read, port, { ...served('client_closed_idle'), fresh: 2, refused: 1 });
});

test('after disable() nothing new is counted, and accepted connections still count as closed', async () => {
  const { read, instrumentation } = instrument();
  const { port, server } = await listening('http');
  const first = await asked('http', port);
  await expectServerCounts(read, port, { accepted: 1, fresh: 1, idle: 1 });

  instrumentation.disable();
  await say(first, GET);
  server.maxConnections = 1;
  await once(
    net
      .connect(port, '127.0.0.1')
      .on('error', () => {})
      .resume(),
    'close',
  );
  server.maxConnections = 5;
  const second = await asked('http', port);
  first.end();
  await expectServerCounts(read, port, served('client_closed_idle'));

  instrumentation.enable();
  await say(second, GET);
  (await asked('http', port)).end();
  await expectServerCounts(read, port, {
    accepted: 2,
    fresh: 3,
    closed: { client_closed_idle: 2 },
    durations: 2,
    requestsAtClose: 2,
  });
});

test('with servers: false only clients are measured', async () => {
  const { read } = instrument({ servers: false });
  const { port } = await listening('http');

  (await asked('http', port)).end();

  await expect.poll(async () => (await read()).value('connmeter.connection.closed', { 'server.port': port })).toBe(1);
  expect((await read()).names.filter(name => name.startsWith('connmeter.server.'))).toEqual([]);
});

describe.each(['tls', 'https', 'http2'] as const)('handshakes of %s servers:', kind => {
  const handshakes = async (read: () => Promise<Readings>, port: number) =>
    (await read())
      .points('connmeter.server.tls.handshake.duration', { 'server.port': port })
      .map(({ attributes, value }) => ({
        value,
        version: attributes['tls.protocol.version'],
        resumed: attributes['tls.resumed'],
        error: attributes['error.type'],
      }));
  const failed = (error: string) => [{ value: 1, version: undefined, resumed: undefined, error }];
  const gone = { accepted: 1, closed: { tls_failed: 1 }, durations: 1 };

  test('completed handshakes have the TLS version, and whether they resumed a session', async () => {
    const { read } = instrument();
    const { port } = await listening(kind, { options: { maxVersion: 'TLSv1.2' } });
    const connect = async (session?: Buffer) => {
      const socket = tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE.cert, ...(session ? { session } : {}) });
      const arrived = once(
        socket.on('error', () => {}),
        'session',
      );
      await once(socket.resume(), 'secureConnect');
      return { socket, ticket: session ?? ((await arrived)[0] as Buffer) };
    };

    const { socket, ticket } = await connect();
    const { socket: other } = await connect(ticket);
    socket.end();
    other.end();

    await expect
      .poll(() => handshakes(read, port))
      .toEqual([
        { value: 1, version: '1.2', resumed: false, error: undefined },
        { value: 1, version: '1.2', resumed: true, error: undefined },
      ]);
    await expect.poll(async () => serverCountsOf(await read(), port)).toMatchObject({ accepted: 2, durations: 2 });
  });

  test.each<[string, string, Setting, (port: number) => Socket]>([
    [
      'no version in common',
      'ERR_SSL_UNSUPPORTED_PROTOCOL',
      { options: { minVersion: 'TLSv1.3' } },
      port => tls.connect({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', ca: CERTIFICATE.cert }),
    ],
    ['a certificate the client does not trust', 'ECONNRESET', {}, port => tls.connect({ port, host: '127.0.0.1' })],
    [
      'plain HTTP',
      'ERR_SSL_HTTP_REQUEST',
      {},
      port =>
        net.connect(port, '127.0.0.1', function (this: Socket) {
          this.write(GET);
        }),
    ],
    [
      'a client that disconnects',
      'ECONNRESET',
      {},
      port =>
        net.connect(port, '127.0.0.1', function (this: Socket) {
          this.destroy();
        }),
    ],
    [
      'a client that sends nothing',
      'ERR_TLS_HANDSHAKE_TIMEOUT',
      {
        options: { handshakeTimeout: 50 },
        prepare: server => server.on('tlsClientError', (_error, socket: Socket) => socket.destroy()),
      },
      port => net.connect(port, '127.0.0.1'),
    ],
    [
      'no client certificate',
      'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
      { options: { requestCert: true, rejectUnauthorized: true } },
      port => tls.connect({ port, host: '127.0.0.1', ca: CERTIFICATE.cert }),
    ],
  ])('failed: %s', async (_what, error, setting, connect) => {
    const { read } = instrument();
    const { port } = await listening(kind, setting);

    const socket = connect(port);
    onTestFinished(() => void socket.destroy());
    await new Promise(resolve =>
      socket
        .on('error', () => {})
        .resume()
        .on('close', resolve),
    );

    await expect.poll(async () => serverCountsOf(await read(), port)).toMatchObject(gone);
    expect(await handshakes(read, port)).toEqual(failed(error));
  });
});

test('many parallel handshakes over one Unix socket are matched to their connections', async () => {
  const { read } = instrument();
  const path = join(tmpdir(), `connmeter-${process.pid}-tls.sock`);
  const server = https.createServer(CERTIFICATE, (_request, response) => response.end('hello'));
  onTestFinished(() => void server.close());
  await once(server.listen(path), 'listening');

  const get = () =>
    new Promise(resolve =>
      https
        .get({ socketPath: path, agent: false, ca: CERTIFICATE.cert, host: 'localhost' }, response => response.resume())
        .on('close', resolve),
    );
  await Promise.all(Array.from({ length: 20 }, get));

  const at = { 'server.address': path };
  await expect.poll(async () => (await read()).value('connmeter.server.connection.closed', at)).toBe(20);
  const readings = await read();
  expect(
    readings.value('connmeter.server.connection.closed', { ...at, 'connmeter.close.reason': 'client_close_header' }),
  ).toBe(20);
  expect(readings.value('connmeter.server.requests', { ...at, 'connmeter.connection.reused': false })).toBe(20);
  expect(readings.value('connmeter.server.connection.open', at)).toBe(0);
});
