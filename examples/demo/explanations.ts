import type { CloseReason, OpenCause } from 'connmeter';

/** Why most connections are opened, and the fix. For replaced connections, the reason why the earlier ones closed. */
export const EXPLANATIONS: Readonly<Record<Exclude<OpenCause, 'replaced'> | CloseReason, string>> = {
  first: 'first connection to this server',
  new_pool: 'a client per request: share one',
  release_race: 'request sent before the pool released its connection',
  body_held: 'bodies left unread hold connections: read them',
  pool_busy: 'more requests at once than connections',
  client_idle_timeout: 'too little traffic: idle connections time out',
  server_idle_close: 'server closes idle connections: raise its timeout',
  server_closed_active: 'server closes connections during requests',
  server_close_header: 'server sends Connection: close',
  keep_alive_off: 'keep-alive is off: turn it on',
  keep_alive_hint_too_short: 'server keep-alive too short: use 5 s or more',
  proxy_refused: 'a proxy refuses tunnels: look at its status',
  not_reusable_method: 'HEAD closes connections in undici: use GET',
  body_unread: 'bodies never read: read them',
  body_cancelled: 'bodies cancelled: read small ones',
  request_aborted: 'requests aborted: allow more time',
  request_timeout: 'requests time out: allow more time',
  max_requests: 'reached maxRequestsPerClient',
  connection_expired: 'reached clientTtl',
  pool_full: 'too few idle connections: raise maxFreeSockets',
  goaway: 'server sent GOAWAY',
  upgraded: 'upgraded, for example to a WebSocket',
  client_shutdown: 'program closes its client: keep it open',
  peer_closed: 'closed by the other side',
  client_closed: 'closed by the program: keep it in a pool',
  error: 'unexpected error',
  unknown: 'unknown',
};

export function explanationOf(causeOrReason: string): string {
  return EXPLANATIONS[causeOrReason as keyof typeof EXPLANATIONS] ?? causeOrReason;
}
