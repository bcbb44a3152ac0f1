import type { OpenCause } from '../../core/causes.ts';
import type { Phase } from '../../core/errors.ts';
import type { CloseReason } from '../../core/reasons.ts';
import type { Finding } from '../../explain/overview.ts';

/** Why connections are opened, in a few words. */
const CAUSES: Readonly<Record<OpenCause | 'pending', string>> = {
  first: 'first connection',
  new_pool: 'new pool',
  replaced: 'replaces a lost one',
  release_race: 'pool had none back yet',
  body_held: 'unread bodies hold the others',
  pool_busy: 'all others busy',
  unknown: 'unknown',
  pending: 'not known yet',
};

/** Why connections are closed, in a few words. */
const REASONS: Readonly<Record<CloseReason, string>> = {
  client_idle_timeout: 'idle timeout of the client',
  server_idle_close: 'server closed it while idle',
  server_closed_active: 'server closed it during a request',
  server_close_header: 'server sent Connection: close',
  keep_alive_off: 'keep-alive is off',
  keep_alive_hint_too_short: 'keep-alive of the server too short',
  not_reusable_method: 'HEAD, which undici does not reuse',
  proxy_refused: 'proxy refused the tunnel',
  body_unread: 'body never read',
  body_cancelled: 'body cancelled',
  request_aborted: 'request aborted',
  request_timeout: 'request timed out',
  max_requests: 'request limit of the client',
  connection_expired: 'age limit of the client',
  pool_full: 'too many idle connections',
  goaway: 'server sent GOAWAY',
  upgraded: 'upgraded, for example to a WebSocket',
  client_shutdown: 'program closed its client',
  peer_closed: 'other side closed it',
  client_closed: 'program closed it',
  error: 'unexpected error',
  unknown: 'unknown',
};

/** What wastes connections, in a few words, where it is not the cause or the reason above. */
const KINDS: Readonly<Partial<Record<Finding['kind'], string>>> = {
  new_pool: 'a client per request',
  body_held: 'unread bodies hold connections',
  release_race: 'requests come before connections are back',
  pool_busy: 'more requests than connections',
  server_idle_close: 'server closes idle connections',
  server_closed_active: 'server closes busy connections',
  server_close_header: 'server turns keep-alive off',
  body_unread: 'bodies are never read',
  body_cancelled: 'bodies are cancelled',
  request_aborted: 'requests are aborted',
  request_timeout: 'requests time out',
  client_idle_timeout: 'idle connections time out',
  client_shutdown: 'client is closed after use',
  peer_closed: 'other side closes connections',
  client_closed: 'connections are closed after use',
};

const FAILURES: Readonly<Record<Phase, string>> = {
  dns: 'DNS lookup fails',
  connect: 'cannot connect',
  tls: 'TLS handshake fails',
  proxy: 'proxy refuses the tunnel',
};

// Data of a newer version may have values that are not in these lists: they are shown as they are.

export function causeWords(cause: string): string {
  return lookUp(CAUSES, cause) ?? cause;
}

export function reasonWords(reason: string): string {
  return lookUp(REASONS, reason) ?? reason;
}

export function kindWords(kind: string): string {
  const failure = isFailure(kind) ? lookUp(FAILURES, kind.slice(FAILED.length)) : undefined;
  return failure ?? lookUp(KINDS, kind) ?? lookUp(REASONS, kind) ?? lookUp(CAUSES, kind) ?? kind;
}

const FAILED = 'failed_';

/** Whether a finding is about connections that could not be opened. */
export function isFailure(kind: string): boolean {
  return kind.startsWith(FAILED);
}

function lookUp(words: Readonly<Record<string, string | undefined>>, key: string): string | undefined {
  return Object.hasOwn(words, key) ? words[key] : undefined;
}
