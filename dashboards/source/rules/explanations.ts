import type { OpenCause } from '../../../src/core/causes.ts';
import { OTHER } from '../../../src/core/errors.ts';
import type { CloseReason } from '../../../src/core/reasons.ts';

/** What a cause or reason means to the reader of an alert, and the first thing to try. docs/causes.md has the details. */
export interface Explanation {
  readonly what: string;
  readonly fix: string;
}

/** Why new connections are opened. `replaced` is explained by the close reason instead. */
export const CAUSES: Readonly<Partial<Record<OpenCause, Explanation>>> = {
  first: { what: 'no connection was open yet', fix: 'look for restarts, or for a crawler' },
  new_pool: {
    what: 'the program creates a client for each request',
    fix: 'create one client and share it',
  },
  release_race: {
    what: 'the next request starts before the pool has its connection back',
    fix: 'look for clients that are created in functions',
  },
  body_held: { what: 'unread response bodies hold connections', fix: 'read or cancel every body' },
  pool_busy: { what: 'all connections are busy', fix: 'if requests come in bursts, limit the connections of the pool' },
};

/** Why connections close, or why new ones have to replace them. Reasons without a typical fix are missing. */
export const REASONS: Readonly<Partial<Record<CloseReason, Explanation>>> = {
  client_idle_timeout: {
    what: 'idle connections time out between requests',
    fix: 'raise the keep-alive timeout of the server, which clients follow: server.keepAliveTimeout = 65_000',
  },
  server_idle_close: {
    what: 'the server closes idle connections',
    fix: 'raise the keep-alive timeout of the server above that of the client: server.keepAliveTimeout = 65_000',
  },
  server_closed_active: {
    what: 'the server closes connections during requests',
    fix: 'shut the server down gracefully: server.close()',
  },
  server_close_header: {
    what: 'the server answers with Connection: close',
    fix: 'enable keep-alive on the server or its proxy',
  },
  keep_alive_off: { what: 'keep-alive is off in the client', fix: 'new Agent({ keepAlive: true })' },
  keep_alive_hint_too_short: {
    what: 'the keep-alive timeout of the server is too short to be used',
    fix: 'set it to 5 s or more: server.keepAliveTimeout = 65_000',
  },
  proxy_refused: {
    what: 'a proxy refuses the tunnel',
    fix: 'look at the status in connmeter.connection.failed: 407 is a missing password, 403 a rule of the proxy',
  },
  not_reusable_method: { what: 'HEAD requests close the connections of undici', fix: 'use GET' },
  body_unread: {
    what: 'response bodies that nobody reads are garbage collected',
    fix: 'read every body: await response.arrayBuffer()',
  },
  body_cancelled: {
    what: 'the program cancels response bodies',
    fix: 'read small bodies to the end: await response.arrayBuffer()',
  },
  request_aborted: {
    what: 'the program aborts requests before the response',
    fix: 'allow more time than the server needs: AbortSignal.timeout(30_000)',
  },
  request_timeout: {
    what: 'requests time out',
    fix: 'allow more time than the server needs: AbortSignal.timeout(30_000)',
  },
  max_requests: {
    what: 'connections reach maxRequestsPerClient',
    fix: 'raise the limit: new Agent({ maxRequestsPerClient: 1_000 })',
  },
  connection_expired: {
    what: 'connections reach their age limit',
    fix: 'raise the limit: new Agent({ clientTtl: 600_000 }), or socketActiveTTL with agentkeepalive',
  },
  pool_full: {
    what: 'the agent keeps too few idle connections',
    fix: 'keep more: new Agent({ keepAlive: true, maxFreeSockets: 256 })',
  },
  client_shutdown: { what: 'the program closes its client', fix: 'keep one client open and share it' },
  peer_closed: {
    what: 'the other side closes or resets the connections',
    fix: 'let the pool close idle connections before the server does: new pg.Pool({ idleTimeoutMillis: 10_000 })',
  },
  client_closed: {
    what: 'the program closes its connections',
    fix: 'share one pool: new pg.Pool() instead of new pg.Client()',
  },
};

/** What `detail: 'basic'` counts together. */
export const BASIC: Readonly<Record<string, Explanation>> = {
  [OTHER]: { what: 'CONNMETER_DETAIL=basic hides the cause', fix: 'set CONNMETER_DETAIL=full on one instance' },
};
