// The jobs of a soak: ordinary requests, and failures of single requests.
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { setTimeout as passed } from 'node:timers/promises';
import tls from 'node:tls';
import { type ClientState, FLAKY_NAME, UNDICIS, type Version } from './client-state.ts';
import type { ServerName } from './plan.ts';
import type { Random } from './random.ts';

/** A kind of job, and its share of all jobs. */
export interface Job {
  readonly name: string;
  readonly share: number;
  /** The server it connects to; undefined if it never connects. */
  readonly server: ServerName | undefined;
  run(state: ClientState, random: Random): Promise<unknown>;
}

/** Longer than any job takes; then it is abandoned. */
const PATIENCE = 20_000;
const HALF_OPEN = { allowHalfOpen: true };
const VERSIONS: readonly Version[] = ['undici6', 'undici7', 'undici8'];
const NO_SUCH_NAME = `${'x'.repeat(64)}.invalid`; // rejected without a DNS query: the label is too long

export const JOBS: readonly Job[] = [
  // Most traffic.
  kind('fetch', 18, 'http', ({ url }) => fetched(url('http'))),
  ...VERSIONS.map(version => kind(version, 13, 'http', state => requested(state, version, state.url('http')))),
  kind('node:http, keep-alive', 18, 'http', state => asked(state.url('http'), { agent: state.pools.http })),
  kind('undici with a body', 2, 'http', (state, random) =>
    requested(state, random.pick(VERSIONS), state.url('http', '/body'), {
      method: 'POST',
      body: 'x'.repeat(random.between(1, 100_000)),
    }),
  ),
  kind('node:http with a body', 2, 'http', (state, random) =>
    asked(
      state.url('http', '/body'),
      { agent: state.pools.http, method: 'POST' },
      'x'.repeat(random.between(1, 100_000)),
    ),
  ),
  kind('node:http, limited', 3, 'http', state => asked(state.url('http'), { agent: state.lasting.queueing })),
  kind('a large answer', 1, 'http', state => requested(state, 'undici8', state.url('http', '/large'))),
  kind('node:https, keep-alive', 5, 'https', state => asked(state.url('https'), { agent: state.pools.https })),
  ...VERSIONS.map(version =>
    kind(`${version}, TLS`, 2, 'https', state => requested(state, version, state.url('https'))),
  ),
  kind('fetch, TLS or HTTP/2', 3, 'h2', ({ url }) => fetched(url('h2'))),
  ...VERSIONS.map(version =>
    kind(`${version}, HTTP/2 where it can`, 1, 'h2', state =>
      requested(state, version, state.url('h2'), { dispatcher: state.lasting[version] }),
    ),
  ),
  kind('node:http2, one session', 3, 'h2', state => streamed(state.session('h2'))),
  kind('node:http2, one session, no TLS', 3, 'h2c', state => streamed(state.session('h2c'))),

  // A connection per job.
  kind('node:http, agent: false', 2, 'http', ({ url }) => asked(url('http'), { agent: false })),
  kind('node:http, keepAlive: false', 1, 'http', state => asked(state.url('http'), { agent: state.pools.closing })),
  kind('node:https, agent: false', 0.7, 'https', ({ url, ca }) => asked(url('https'), { agent: false, ca })),
  kind('a client per request', 0.7, 'http', (state, random) => alone(state, random.pick(VERSIONS))),
  kind('a session per request', 0.4, 'h2c', ({ url }) => ownSession(url('h2c'), {})),
  kind('a session per request, TLS', 0.4, 'h2', ({ url, ca }) => ownSession(url('h2'), { ca })),
  kind('the server closes', 0.5, 'http', (state, random) => anyHow(state, random, 'http', '/close')),
  kind('node:net', 1.5, 'echo', ({ ports }) => talked(net.connect(ports.echo, '127.0.0.1'), 'e')),
  kind('node:tls', 0.7, 'echoTls', ({ ports, ca }) =>
    talked(tls.connect({ port: ports.echoTls, host: '127.0.0.1', ca }), 'e'),
  ),

  // Slow and unread responses.
  kind('a slow body', 1.5, 'http', (state, random) => anyHow(state, random, 'http', '/slow')),
  kind('a slow body, HTTP/2', 0.5, 'h2', state => streamed(state.session('h2'), '/slow')),
  kind('fetch, not read', 0.2, 'http', ({ url }) => fetch(url('http', '/large'))),
  kind('fetch, cancelled', 0.5, 'http', async ({ url }) => (await fetch(url('http', '/large'))).body?.cancel()),
  kind('undici, held and destroyed', 0.3, 'http', async (state, random) => {
    const version = random.pick(VERSIONS);
    const { body } = await UNDICIS[version].request(state.url('http', '/large'), { dispatcher: state.pools[version] });
    body.on('error', () => {});
    await passed(random.between(0, 600));
    body.destroy();
  }),
  kind('node:http, held and destroyed', 0.3, 'http', async (state, random) => {
    const request = http.get(state.url('http', '/large'), { agent: state.pools.http });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    await passed(random.between(0, 600));
    response.destroy();
  }),

  // Aborted requests.
  kind('fetch, aborted', 0.7, 'http', ({ url }, random) =>
    fetched(url('http', slowly(random)), { signal: soon(random) }),
  ),
  kind('undici, aborted', 0.7, 'http', (state, random) =>
    requested(state, random.pick(VERSIONS), state.url('http', slowly(random)), { signal: soon(random) }),
  ),
  kind('node:http, aborted', 0.7, 'http', (state, random) =>
    asked(state.url('http', slowly(random)), { agent: state.pools.http, signal: soon(random) }),
  ),
  kind('node:http, timed out', 0.2, 'http', ({ pools, url }) =>
    asked(url('http', '/hang'), { agent: pools.http, timeout: 30 }),
  ),
  kind('undone at once', 0.3, undefined, ({ ports }) => closed(net.connect(ports.hasty, '127.0.0.1').destroy())),
  kind('dropped while it dials', 0.3, 'hasty', ({ ports }) =>
    dropped(net.connect(ports.hasty, '127.0.0.1'), 'connectionAttempt'),
  ),
  kind('dropped in the handshake', 0.3, 'echoTls', ({ ports, ca }) =>
    dropped(tls.connect({ port: ports.echoTls, host: '127.0.0.1', ca }), 'connect'),
  ),

  // Resets, early closes, half-closed connections.
  kind('reset by the server', 0.5, 'http', (state, random) => anyHow(state, random, 'http', '/reset')),
  kind('ended by the server', 0.5, 'http', (state, random) =>
    anyHow(state, random, 'http', random.pick(['/end', '/half'])),
  ),
  kind('node:net, reset by the server', 0.3, 'echo', ({ ports }) => talked(net.connect(ports.echo, '127.0.0.1'), 'r')),
  kind('node:net, reset by the client', 0.3, 'echo', async ({ ports }) => {
    const socket = net.connect(ports.echo, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    await closed(socket.resetAndDestroy());
  }),
  kind('node:net, half closed by the client', 0.3, 'echo', ({ ports }) =>
    talked(net.connect(ports.echo, '127.0.0.1'), 's'),
  ),
  kind('node:net, half closed by the server', 0.3, 'echo', ({ ports }) =>
    talked(net.connect({ ...HALF_OPEN, port: ports.echo, host: '127.0.0.1' }), 'h'),
  ),
  kind('node:tls, half closed by the server', 0.2, 'echoTls', ({ ports, ca }) =>
    talked(tls.connect({ ...HALF_OPEN, port: ports.echoTls, host: '127.0.0.1', ca }), 'h'),
  ),

  // Failed connections.
  kind('refused', 0.5, undefined, ({ refused }, random) =>
    random.chance(0.5)
      ? fetched(`http://127.0.0.1:${refused}/`)
      : asked(`http://127.0.0.1:${refused}/`, { agent: false }),
  ),
  kind('not trusted', 0.2, 'https', ({ url }) => asked(url('https'), { agent: false, ca: [] })),
  kind('TLS to a server without', 0.2, 'http', ({ ports }) =>
    asked(`https://127.0.0.1:${ports.http}/`, { agent: false }),
  ),
  kind('a name nobody has', 0.2, undefined, async ({ lookups }) => {
    lookups.failed++;
    await asked(`http://${NO_SUCH_NAME}/`, { agent: false });
  }),
  kind('a name that comes and goes', 2, 'http', (state, random) => {
    const url = state.url('http', '/close', FLAKY_NAME); // a new connection, and so a lookup, each time
    return random.chance(0.5) ? requested(state, random.pick(VERSIONS), url) : asked(url, { agent: state.pools.http });
  }),

  // To servers that do not receive everything.
  kind('a server that is killed', 4, 'falling', (state, random) =>
    anyHow(state, random, 'falling', random.pick(['/', '/', '/late'])),
  ),
  kind('a server that ends idle connections', 3, 'stale', (state, random) => anyHow(state, random, 'stale', '/')),
  kind('a stream, cancelled', 0.5, 'rude', (state, random) => {
    const session = state.session('rude');
    const stream = session.request({ ':path': slowly(random) });
    setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), random.between(0, 20));
    return notHung(
      session,
      ended(stream).then(() => Promise.reject(codedError('CANCELLED'))),
    );
  }),
  kind('a session, cut by the server', 0.3, 'rude', state => {
    const session = state.session('rude');
    return notHung(session, streamed(session, '/session'));
  }),
  kind('a session, cut by the client', 0.3, 'rude', (state, random) => {
    const session = state.session('rude');
    setTimeout(() => session.destroy(), random.between(0, 30));
    return notHung(session, streamed(session, '/late'));
  }),
  kind('fetch, TLS or HTTP/2, aborted', 0.5, 'rude', ({ url }, random) =>
    fetched(url('rude', slowly(random)), { signal: soon(random) }),
  ),
];

function kind(name: string, share: number, server: Job['server'], run: Job['run']): Job {
  return { name, share, server, run };
}

const slowly = (random: Random) => random.pick(['/late', '/slow', '/hang', '/large']);

function soon(random: Random): AbortSignal {
  return AbortSignal.timeout(random.between(0, 60));
}

/** Requests the path with a random HTTP/1.1 client. */
function anyHow(state: ClientState, random: Random, server: ServerName, path: string): Promise<unknown> {
  const url = state.url(server, path);
  switch (random.between(0, 3)) {
    case 0:
      return fetched(url);
    case 1:
      return asked(url, { agent: state.pools.http });
    default:
      return requested(state, random.pick(VERSIONS), url);
  }
}

async function fetched(url: string, init: RequestInit = {}): Promise<void> {
  await (await fetch(url, init)).arrayBuffer();
}

interface Requesting {
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
  readonly signal?: AbortSignal;
  readonly dispatcher?: ClientState['pools'][Version];
}

async function requested(
  state: ClientState,
  version: Version,
  url: string,
  requesting: Requesting = {},
): Promise<void> {
  const { body } = await UNDICIS[version].request(url, { dispatcher: state.pools[version], ...requesting });
  await body.arrayBuffer();
}

async function alone({ url }: ClientState, version: Version): Promise<void> {
  const agent = new UNDICIS[version].Agent();
  try {
    const { body } = await UNDICIS[version].request(url('http'), { dispatcher: agent });
    await body.arrayBuffer();
  } finally {
    await agent.close();
  }
}

function asked(url: string, options: https.RequestOptions, body?: string): Promise<void> {
  const { request } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, options);
    sent.on('error', reject).on('timeout', () => sent.destroy());
    sent.on('response', answer => {
      answer.on('error', reject).on('close', resolve).resume();
    });
    sent.end(body);
  });
}

/** Settles when a stream ends. */
function ended(stream: http2.ClientHttp2Stream): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.on('error', reject).on('close', resolve).resume();
  });
}

function streamed(session: http2.ClientHttp2Session, path = '/'): Promise<void> {
  return ended(session.request({ ':path': path }));
}

async function ownSession(url: string, options: http2.SecureClientSessionOptions): Promise<void> {
  const session = http2.connect(url, options);
  const end = new Promise<void>((resolve, reject) => void session.on('error', reject).on('close', resolve));
  streamed(session)
    .catch(() => {})
    .finally(() => session.close());
  await end;
}

/** Sends a word, ends its side, and reads until the other side ends. */
function talked(socket: net.Socket, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('error', reject).on('close', () => resolve());
    if (word === 'h') socket.write(word);
    else socket.end(word);
    socket.on('end', () => word === 'h' && socket.end('good-bye')).resume();
  });
}

function closed(socket: net.Socket): Promise<void> {
  return new Promise(resolve => void socket.once('close', () => resolve()));
}

function dropped(socket: net.Socket, event: string): Promise<void> {
  socket.on('error', () => {}).once(event, () => process.nextTick(() => socket.destroy()));
  return closed(socket);
}

function codedError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Rejects if a job takes longer than `milliseconds`. */
async function within<T>(job: Promise<T>, milliseconds: number, code: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(codedError(code)), milliseconds);
  });
  try {
    return await Promise.race([job, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * If a server closes a session while streams are being cancelled, Node's client may not notice that the connection is
 * closed: the session stays open and its streams hang. Therefore such a session is destroyed after a time limit.
 */
async function notHung(session: http2.ClientHttp2Session, job: Promise<unknown>): Promise<void> {
  try {
    await within(job, 3_000, 'SESSION_HUNG');
  } catch (error) {
    if ((error as { code?: string }).code === 'SESSION_HUNG') session.destroy();
    throw error;
  }
}

/** Rejects if a job takes too long. */
export async function withTimeLimit(job: Promise<unknown>): Promise<void> {
  await within(job, PATIENCE, 'SOAK_TOO_LATE');
}
