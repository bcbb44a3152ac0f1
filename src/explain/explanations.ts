import type { OpenCause } from '../core/causes.ts';
import type { Phase } from '../core/errors.ts';
import type { CloseReason } from '../core/reasons.ts';

/** What can be explained: why a connection was opened or closed, or the phase in which it failed. */
export type ExplainedKind = OpenCause | CloseReason | `failed_${Phase}`;

export interface Explanation {
  /** What happens: a few words. */
  readonly what: string;
  /** What to change: one line, code where possible. */
  readonly fix: string;
  /** The page that explains it. */
  readonly link: string;
}

const DOCS = 'https://github.com/connmeter/connmeter/blob/main/docs';
const READ = 'read every body, for example `await response.arrayBuffer()` (node:http: `response.resume()`)';
const SHARE = 'create the client once, outside of the function, and share it';
const TIME = 'allow more time than the server needs, for example `AbortSignal.timeout(30_000)`';

const CAUSES: Readonly<Record<OpenCause, readonly [what: string, fix: string]>> = {
  first: ['the first connection to this server', 'none needed: one per server has to be opened'],
  new_pool: ['a client per request', SHARE],
  replaced: ['it replaces a connection that was closed', 'see why that one was closed'],
  release_race: [
    'the next request began before the client had its connection back',
    'none needed: allow one connection more, or use `new Agent({ connections: 1 })` of undici',
  ],
  body_held: ['responses that nobody reads hold the other connections', READ],
  pool_busy: [
    'more requests at once than connections',
    'limit the connections: `new Agent({ connections: 10 })` of undici, `new http.Agent({ keepAlive: true, maxSockets: 10 })`',
  ],
  unknown: ['unknown', 'none known'],
};

const REASONS: Readonly<Record<Exclude<CloseReason, 'unknown'>, readonly [what: string, fix: string]>> = {
  client_idle_timeout: [
    'the client closed an idle connection',
    'a longer keep-alive on the server: `server.keepAliveTimeout = 65_000`',
  ],
  server_idle_close: [
    'the server closed an idle connection',
    'a longer keep-alive on the server than on the client: `server.keepAliveTimeout = 65_000`',
  ],
  server_closed_active: ['the server closed a connection during a request', 'shut down gracefully: `server.close()`'],
  server_close_header: ['the server answered with Connection: close', 'do not set `Connection: close` on the server'],
  keep_alive_off: ['keep-alive is off in the client', '`new http.Agent({ keepAlive: true })`'],
  keep_alive_hint_too_short: [
    'the keep-alive of the server is too short to be used',
    '`server.keepAliveTimeout = 65_000`',
  ],
  not_reusable_method: ['undici closes its connection after HEAD', 'use `GET`, or `HEAD` with node:http'],
  proxy_refused: ['a proxy refused the tunnel', 'check its credentials and rules'],
  body_unread: ['a response that nobody read was garbage collected', READ],
  body_cancelled: ['the program cancelled a response', 'read small bodies to the end: `await response.arrayBuffer()`'],
  request_aborted: ['the program aborted a request', TIME],
  request_timeout: ['a request timed out', TIME],
  max_requests: ['the client closes connections after some requests', '`new Agent({ maxRequestsPerClient: 1_000 })`'],
  connection_expired: ['the connection reached its age limit', '`new Agent({ clientTtl: 600_000 })`'],
  pool_full: ['the agent keeps too few idle connections', '`new http.Agent({ keepAlive: true, maxFreeSockets: 256 })`'],
  goaway: ['the server sent GOAWAY', 'a longer limit on the server'],
  upgraded: ['it was upgraded, for example to a WebSocket', 'none needed, unless WebSockets are short-lived'],
  client_shutdown: ['the program closed its client', 'keep one client open, and share it'],
  peer_closed: [
    'the other side closed it',
    'close idle connections before the server does: `new pg.Pool({ idleTimeoutMillis: 10_000 })`',
  ],
  client_closed: ['the program closed it', 'share one pool: `new pg.Pool()` instead of `new pg.Client()`'],
  error: ['an error of the network or the protocol', "look at the error: `request.on('error', console.error)`"],
};

const FAILURES: Readonly<Record<Phase, readonly [what: string, fix: string]>> = {
  dns: ['the name was not found', 'check the host name'],
  connect: ['the server did not accept the connection', 'check that it runs, and its address and port'],
  tls: ['the TLS handshake failed', 'check the certificate: `openssl s_client -connect host:443`'],
  proxy: ['the proxy did not make the tunnel', 'check its credentials and rules'],
};

/** What a cause, a reason or a failure means, and what to change. */
export function explanationOf(kind: ExplainedKind): Explanation {
  if (isKey(CAUSES, kind)) return explanation(CAUSES[kind], `causes.md#cause-${kind}`);
  if (isKey(REASONS, kind)) return explanation(REASONS[kind], `causes.md#reason-${kind}`);

  return explanation(FAILURES[kind.slice('failed_'.length) as Phase], 'metrics.md#connmeterconnectionfailed');
}

function explanation([what, fix]: readonly [string, string], page: string): Explanation {
  return { what, fix, link: `${DOCS}/${page}` };
}

function isKey<Key extends string>(table: Readonly<Record<Key, unknown>>, kind: string): kind is Key {
  return Object.hasOwn(table, kind);
}
