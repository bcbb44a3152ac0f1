import type { CloseReason, OpenCause } from 'connmeter';

/** What a connection is opened for, in words: its cause, or where it replaces a lost one the reason of the loss. */
export const WORDS: Readonly<Record<Exclude<OpenCause, 'replaced'> | CloseReason, string>> = {
  first: 'the first to this origin',
  new_pool: 'a new pool each time: share one',
  release_race: 'asked again before the pool had it back',
  body_held: 'bodies never read hold it: read them',
  pool_busy: 'more requests at once than ever before',
  client_idle_timeout: 'asked too seldom: idle ones time out',
  server_idle_close: 'server closes idle ones: let go before it does',
  server_closed_active: 'server hangs up in the middle of requests',
  server_close_header: 'server says Connection: close',
  keep_alive_off: 'keep-alive is off: switch it on',
  keep_alive_hint_too_short: 'server keep-alive too short: give it 5 s or more',
  not_reusable_method: 'closed after HEAD: ask GET',
  body_abandoned: 'bodies not read to their end: read them',
  request_aborted: 'requests given up: give them more time',
  request_timeout: 'requests time out: give them more time',
  max_requests: 'the pool ends it after so many requests',
  pool_full: 'no room for idle ones: raise maxFreeSockets',
  goaway: 'server sends it away',
  upgraded: 'it became something else, a WebSocket maybe',
  client_shutdown: 'the program closes it: keep it',
  error: 'it breaks',
  unknown: 'nobody can tell',
};

export function inWords(why: string): string {
  return WORDS[why as keyof typeof WORDS] ?? why;
}
