// The jobs of a soak: what a client program does all day, and what goes wrong for one of them.
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

/** One thing that the client does, and how often: its share of all jobs. */
export interface Job {
  readonly name: string;
  readonly share: number;
  /** Where it goes; nowhere, where it reaches nobody. */
  readonly server: ServerName | undefined;
  run(world: ClientState, random: Random): Promise<unknown>;
}

/** Longer than any of them should take; then it is given up. */
const PATIENCE = 20_000;
const HALF_OPEN = { allowHalfOpen: true };
const VERSIONS: readonly Version[] = ['undici6', 'undici7', 'undici8'];
const NO_SUCH_NAME = `${'x'.repeat(64)}.invalid`; // refused by the resolver itself: the label is too long

export const JOBS: readonly Job[] = [
  // What mostly happens.
  kind('fetch', 18, 'http', ({ url }) => fetched(url('http'))),
  ...VERSIONS.map(version => kind(version, 13, 'http', world => requested(world, version, world.url('http')))),
  kind('node:http, keep-alive', 18, 'http', world => asked(world.url('http'), { agent: world.pools.http })),
  kind('undici with a body', 2, 'http', (world, random) =>
    requested(world, random.pick(VERSIONS), world.url('http', '/body'), {
      method: 'POST',
      body: 'x'.repeat(random.between(1, 100_000)),
    }),
  ),
  kind('node:http with a body', 2, 'http', (world, random) =>
    asked(
      world.url('http', '/body'),
      { agent: world.pools.http, method: 'POST' },
      'x'.repeat(random.between(1, 100_000)),
    ),
  ),
  kind('a large answer', 1, 'http', world => requested(world, 'undici8', world.url('http', '/large'))),
  kind('node:https, keep-alive', 5, 'https', world => asked(world.url('https'), { agent: world.pools.https })),
  ...VERSIONS.map(version =>
    kind(`${version}, TLS`, 2, 'https', world => requested(world, version, world.url('https'))),
  ),
  kind('fetch, TLS or HTTP/2', 3, 'h2', ({ url }) => fetched(url('h2'))),
  ...VERSIONS.map(version =>
    kind(`${version}, HTTP/2 where it can`, 1, 'h2', world =>
      requested(world, version, world.url('h2'), { dispatcher: world.lasting[version] }),
    ),
  ),
  kind('node:http2, one session', 3, 'h2', world => streamed(world.session('h2'))),
  kind('node:http2, one session, no TLS', 3, 'h2c', world => streamed(world.session('h2c'))),

  // A connection for each.
  kind('node:http, agent: false', 2, 'http', ({ url }) => asked(url('http'), { agent: false })),
  kind('node:http, keepAlive: false', 1, 'http', world => asked(world.url('http'), { agent: world.pools.closing })),
  kind('node:https, agent: false', 0.7, 'https', ({ url, ca }) => asked(url('https'), { agent: false, ca })),
  kind('a client per request', 0.7, 'http', (world, random) => alone(world, random.pick(VERSIONS))),
  kind('a session per request', 0.4, 'h2c', ({ url }) => ownSession(url('h2c'), {})),
  kind('a session per request, TLS', 0.4, 'h2', ({ url, ca }) => ownSession(url('h2'), { ca })),
  kind('the server closes', 0.5, 'http', (world, random) => anyHow(world, random, 'http', '/close')),
  kind('node:net', 1.5, 'echo', ({ ports }) => talked(net.connect(ports.echo, '127.0.0.1'), 'e')),
  kind('node:tls', 0.7, 'echoTls', ({ ports, ca }) =>
    talked(tls.connect({ port: ports.echoTls, host: '127.0.0.1', ca }), 'e'),
  ),

  // Slow, and not read.
  kind('a slow body', 1.5, 'http', (world, random) => anyHow(world, random, 'http', '/slow')),
  kind('a slow body, HTTP/2', 0.5, 'h2', world => streamed(world.session('h2'), '/slow')),
  kind('fetch, not read', 0.2, 'http', ({ url }) => fetch(url('http', '/large'))),
  kind('fetch, cancelled', 0.5, 'http', async ({ url }) => (await fetch(url('http', '/large'))).body?.cancel()),
  kind('undici, held and destroyed', 0.3, 'http', async (world, random) => {
    const version = random.pick(VERSIONS);
    const { body } = await UNDICIS[version].request(world.url('http', '/large'), { dispatcher: world.pools[version] });
    body.on('error', () => {});
    await passed(random.between(0, 600));
    body.destroy();
  }),
  kind('node:http, held and destroyed', 0.3, 'http', async (world, random) => {
    const request = http.get(world.url('http', '/large'), { agent: world.pools.http });
    request.on('error', () => {});
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    await passed(random.between(0, 600));
    response.destroy();
  }),

  // Given up.
  kind('fetch, aborted', 0.7, 'http', ({ url }, random) =>
    fetched(url('http', slowly(random)), { signal: soon(random) }),
  ),
  kind('undici, aborted', 0.7, 'http', (world, random) =>
    requested(world, random.pick(VERSIONS), world.url('http', slowly(random)), { signal: soon(random) }),
  ),
  kind('node:http, aborted', 0.7, 'http', (world, random) =>
    asked(world.url('http', slowly(random)), { agent: world.pools.http, signal: soon(random) }),
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

  // Reset, broken off, ended by halves.
  kind('reset by the server', 0.5, 'http', (world, random) => anyHow(world, random, 'http', '/reset')),
  kind('ended by the server', 0.5, 'http', (world, random) =>
    anyHow(world, random, 'http', random.pick(['/end', '/half'])),
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

  // Never opened.
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
  kind('a name that comes and goes', 2, 'http', (world, random) => {
    const url = world.url('http', '/close', FLAKY_NAME); // a new connection, and so a lookup, for each
    return random.chance(0.5) ? requested(world, random.pick(VERSIONS), url) : asked(url, { agent: world.pools.http });
  }),

  // To servers that do not hear all that is sent to them.
  kind('a server that is killed', 4, 'falling', (world, random) =>
    anyHow(world, random, 'falling', random.pick(['/', '/', '/late'])),
  ),
  kind('a server that ends idle connections', 3, 'stale', (world, random) => anyHow(world, random, 'stale', '/')),
  kind('a stream, cancelled', 0.5, 'rude', (world, random) => {
    const session = world.session('rude');
    const stream = session.request({ ':path': slowly(random) });
    setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), random.between(0, 20));
    return notHung(
      session,
      ended(stream).then(() => Promise.reject(codedError('CANCELLED'))),
    );
  }),
  kind('a session, cut by the server', 0.3, 'rude', world => {
    const session = world.session('rude');
    return notHung(session, streamed(session, '/session'));
  }),
  kind('a session, cut by the client', 0.3, 'rude', (world, random) => {
    const session = world.session('rude');
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

/** By one client or another, over HTTP/1.1. */
function anyHow(world: ClientState, random: Random, server: ServerName, path: string): Promise<unknown> {
  const url = world.url(server, path);
  switch (random.between(0, 3)) {
    case 0:
      return fetched(url);
    case 1:
      return asked(url, { agent: world.pools.http });
    default:
      return requested(world, random.pick(VERSIONS), url);
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
  world: ClientState,
  version: Version,
  url: string,
  requesting: Requesting = {},
): Promise<void> {
  const { body } = await UNDICIS[version].request(url, { dispatcher: world.pools[version], ...requesting });
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

/** The end of a stream, good or bad. */
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

/** Says a word, then ends its half, and hears the other side out. */
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

/** The job, or a failure where it takes longer than that. */
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
 * Where a server cuts a session while streams are being cancelled, Node's client may not notice that its connection is gone:
 * the session stays open, and all on it hangs. So this program gives such a session up, as one with a time limit would.
 */
async function notHung(session: http2.ClientHttp2Session, job: Promise<unknown>): Promise<void> {
  try {
    await within(job, 3_000, 'SESSION_HUNG');
  } catch (error) {
    if ((error as { code?: string }).code === 'SESSION_HUNG') session.destroy();
    throw error;
  }
}

/** The job, or a failure where it takes too long. */
export async function withTimeLimit(job: Promise<unknown>): Promise<void> {
  await within(job, PATIENCE, 'SOAK_TOO_LATE');
}
