import type { CloseReason, ServerCloseReason } from './reasons.ts';

/** How the idle time of a connection ended: with the next request, or because one side closed it. */
export type IdleEnd = 'reused' | 'client' | 'server';

/** Shorter idle times before the next request are not recorded: they are the usual case, and no limit is so short. In seconds. */
export const MIN_IDLE_SECONDS = 0.1;

/** Which side has ended the idle time of a connection, at the client. Undefined if it did not end because it was idle. */
export function idleEndOf(reason: CloseReason): IdleEnd | undefined {
  return IDLE_ENDS.get(reason);
}

/** The same at the server. */
export function servedIdleEndOf(reason: ServerCloseReason): IdleEnd | undefined {
  return SERVED_IDLE_ENDS.get(reason);
}

const IDLE_ENDS: ReadonlyMap<CloseReason, IdleEnd> = new Map<CloseReason, IdleEnd>([
  ['server_idle_close', 'server'],
  ['client_idle_timeout', 'client'],
  ['client_shutdown', 'client'],
  ['connection_expired', 'client'],
]);

const SERVED_IDLE_ENDS: ReadonlyMap<ServerCloseReason, IdleEnd> = new Map<ServerCloseReason, IdleEnd>([
  ['keep_alive_timeout', 'server'],
  ['client_closed_idle', 'client'],
  ['keep_alive_hint_too_short', 'client'],
]);
