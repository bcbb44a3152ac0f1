import type { OpenCause } from '../core/causes.ts';
import type { Phase } from '../core/errors.ts';
import type { CloseReason } from '../core/reasons.ts';

/** What a finding is about: why connections are opened (for `replaced`, why the earlier ones were lost), or where they fail. */
export type FindingKind = Exclude<OpenCause, 'replaced'> | CloseReason | `failed_${Phase}`;

/** A cause in words. */
export interface Explanation {
  /** A few words, for tables. */
  readonly short: string;
  /** What happens, without a subject: it follows "49 of 50 connections". One line. */
  readonly what: string;
  /** What to change: one line, code where possible. */
  readonly fix: string;
  /** The page that explains it. */
  readonly link: string;
}

const DOCS = 'https://github.com/connmeter/connmeter/blob/main/docs';
const CAUSE = `${DOCS}/causes.md#cause-`;
const REASON = `${DOCS}/causes.md#reason-`;
const RUNBOOK = `${DOCS}/runbooks/`;

const EXPLANATIONS: Readonly<Record<FindingKind, readonly [short: string, what: string, fix: string]>> = {
  first: ['first connections', 'are the first to this server', 'none needed'],
  new_pool: [
    'client per request',
    'come from a client of their own, so none of them is reused',
    'create the client once and share it: const agent = new Agent(); // at the top of the module',
  ],
  release_race: [
    'opened a moment too early',
    'were opened a moment before another one became free',
    'none needed; a limit lets requests wait instead',
  ],
  body_held: [
    'unread bodies hold connections',
    'were needed because responses that nobody reads hold the others',
    'read every body, also of errors: await response.arrayBuffer()',
  ],
  pool_busy: [
    'all others were busy',
    'were opened because all others were busy',
    'limit them: new Agent({ connections: 10 }), or new http.Agent({ keepAlive: true, maxSockets: 10 })',
  ],
  client_idle_timeout: [
    'idle too long for the client',
    'replace one that the client closed because it was idle',
    'raise the keep-alive of the server, which the client follows: server.keepAliveTimeout = 65_000',
  ],
  server_idle_close: [
    'server closes idle ones',
    'replace one that the server closed because it was idle',
    'raise the keep-alive of the server: server.keepAliveTimeout = 65_000; or close earlier: new Agent({ keepAliveTimeout: 4_000 })',
  ],
  server_closed_active: [
    'server closes during requests',
    'replace one that the server closed during a request',
    'let the client close idle connections first: new Agent({ keepAliveTimeout: 4_000 }); and look for restarts of the server',
  ],
  server_close_header: [
    'server sends Connection: close',
    'replace one that the server closed with “Connection: close” or HTTP/1.0',
    'use HTTP/1.1 with keep-alive on the server, or on the proxy in front of it: proxy_http_version 1.1;',
  ],
  keep_alive_off: [
    'keep-alive is off',
    'replace one that this client did not keep: keep-alive is off',
    'new http.Agent({ keepAlive: true }), and no “Connection: close” header',
  ],
  keep_alive_hint_too_short: [
    'server keep-alive too short',
    'replace one whose keep-alive the server promised for too short a time',
    'server.keepAliveTimeout = 65_000',
  ],
  not_reusable_method: [
    'HEAD closes in undici',
    'replace one that undici closed after a HEAD request',
    'use GET, or node:http',
  ],
  proxy_refused: [
    'proxy refuses tunnels',
    'replace one to a proxy that refused a tunnel',
    'look at the status of the proxy: credentials, rules, the target',
  ],
  body_unread: [
    'bodies never read',
    'replace one that was lost with a response that nobody read',
    'read every body, also of errors: await response.arrayBuffer()',
  ],
  body_cancelled: [
    'bodies cancelled',
    'replace one that was closed to cancel a response',
    'read bodies up to 100 kB to their end: await response.arrayBuffer()',
  ],
  request_aborted: [
    'requests aborted',
    'replace one that was closed with an aborted request',
    'abort later: AbortSignal.timeout(5_000), above the slowest useful response',
  ],
  request_timeout: [
    'requests time out',
    'replace one that was closed because a request timed out',
    'find out why the server is slow; then allow more time: AbortSignal.timeout(30_000)',
  ],
  max_requests: [
    'maxRequestsPerClient reached',
    'replace one that had carried its maximum of requests',
    'raise maxRequestsPerClient, or leave it out',
  ],
  connection_expired: [
    'maximum age reached',
    'replace one that had reached its maximum age',
    'raise it: new Agent({ clientTtl: 600_000 })',
  ],
  pool_full: [
    'no room for idle ones',
    'replace one that the pool had no room for when it was idle',
    'new http.Agent({ keepAlive: true, maxSockets: 10, maxFreeSockets: 10 })',
  ],
  goaway: [
    'server sent GOAWAY',
    'replace one that the server ended with GOAWAY',
    'raise the maximum age of connections on the server or its proxy',
  ],
  upgraded: [
    'upgraded',
    'replace one that was upgraded, for example to a WebSocket',
    'keep WebSockets open, and send many messages over one',
  ],
  client_shutdown: [
    'program closes its client',
    'replace one whose client the program closed',
    'close the client when the program ends, not after each request',
  ],
  peer_closed: [
    'closed by the other side',
    'replace one that the other side closed',
    'let the pool close idle connections before the server does: new pg.Pool({ idleTimeoutMillis: 10_000 })',
  ],
  client_closed: [
    'closed by the program',
    'replace one that the program closed',
    'share a pool instead of a connection per query: const pool = new pg.Pool(); // once',
  ],
  error: ['error', 'replace one that ended with an error', "request.on('error', console.error) shows which"],
  unknown: ['unknown cause', 'have an unknown cause', 'please report it'],
  failed_dns: [
    'DNS fails',
    'failed: the name could not be looked up',
    'check the name and the resolver: dns.lookup() gives the same error',
  ],
  failed_connect: [
    'connect fails',
    'failed: the server did not accept them',
    'check that the server runs, its port and the firewall',
  ],
  failed_tls: [
    'TLS fails',
    'failed in the TLS handshake',
    'check the certificate, its names and the authority that the client trusts',
  ],
  failed_proxy: [
    'proxy refuses',
    'failed: the proxy made no tunnel',
    'look at the status of the proxy: 407 credentials, 403 rules, 502 the target',
  ],
};

const PAGES: Readonly<Record<`failed_${Phase}`, string>> = {
  failed_dns: `${RUNBOOK}ConnmeterDnsFailing.md`,
  failed_connect: `${RUNBOOK}ConnmeterConnectRefused.md`,
  failed_tls: `${RUNBOOK}ConnmeterTlsFailing.md`,
  failed_proxy: `${RUNBOOK}ConnmeterProxyRefusing.md`,
};

const CAUSES: ReadonlySet<string> = new Set(['first', 'new_pool', 'release_race', 'body_held', 'pool_busy', 'unknown']);

export function explanationOf(kind: FindingKind): Explanation {
  const [short, what, fix] = EXPLANATIONS[kind];
  return { short, what, fix, link: linkTo(kind) };
}

function linkTo(kind: FindingKind): string {
  if (kind in PAGES) return PAGES[kind as keyof typeof PAGES];
  return `${CAUSES.has(kind) ? CAUSE : REASON}${kind}`;
}
