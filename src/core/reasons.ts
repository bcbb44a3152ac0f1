/** Why an opened connection was closed. A closed list: the first one that applies is reported. See `docs/causes.md`. */
export const CLOSE_REASONS = [
  'client_idle_timeout',
  'server_idle_close',
  'server_closed_active',
  'server_close_header',
  'keep_alive_off',
  'keep_alive_hint_too_short',
  'not_reusable_method',
  'proxy_refused',
  'body_unread',
  'body_cancelled',
  'request_aborted',
  'request_timeout',
  'max_requests',
  'connection_expired',
  'pool_full',
  'goaway',
  'upgraded',
  'client_shutdown',
  'peer_closed',
  'client_closed',
  'error',
  'unknown',
] as const;

export type CloseReason = (typeof CLOSE_REASONS)[number];

/** The same for connections that a server of this process accepted. */
export const SERVER_CLOSE_REASONS = [
  'keep_alive_timeout',
  'keep_alive_hint_too_short',
  'never_used',
  'client_closed_idle',
  'client_aborted',
  'client_close_header',
  'request_timeout',
  'max_requests',
  'server_close_header',
  'upgraded',
  'server_shutdown',
  'tls_failed',
  'error',
  'unknown',
] as const;

export type ServerCloseReason = (typeof SERVER_CLOSE_REASONS)[number];
