import { expect, test } from 'vitest';
import { SERVER_CLOSE_REASONS } from '../../src/core/reasons.ts';
import { type ServerCloseFacts, serverCloseReason } from '../../src/server/close-reason.ts';

/** A keep-alive HTTP/1 connection that served one request, and that the program then destroyed. */
const QUIET: ServerCloseFacts = {
  http1: true,
  handshakePending: false,
  error: undefined,
  timedOut: false,
  clientEnded: false,
  serverEnded: false,
  duringRequest: false,
  clientCloses: false,
  requests: 1,
  neverUsed: false,
  upgraded: false,
  hint: 5,
  margin: 2,
  idle: 1,
  maxRequestsPerSocket: 0,
  endUnseen: false,
};

const failure = (code: string) => Object.assign(new Error(code), { code });

const SLOW = failure('ERR_HTTP_REQUEST_TIMEOUT');
const UNUSED = { requests: 0, neverUsed: true };
const UPGRADED = { requests: 0, upgraded: true };
/** In a version of Node that does not show whether the connection was handed over. */
const MAYBE_UPGRADED = { requests: 0, upgraded: undefined, duringRequest: true };

const ROWS: readonly (readonly [what: string, ending: Partial<ServerCloseFacts>, reason: string])[] = [
  ['the program destroys it, or closes the server', {}, 'server_shutdown'],
  ['the program destroys it in the middle of an answer', { duringRequest: true }, 'server_shutdown'],
  ['the timeout strikes while it is idle', { timedOut: true }, 'keep_alive_timeout'],
  ['the timeout strikes while a request is on it', { timedOut: true, duringRequest: true }, 'request_timeout'],
  ['headers or body come too slowly', { error: failure('ERR_HTTP_REQUEST_TIMEOUT') }, 'request_timeout'],
  ['the client ends it idle', { clientEnded: true, serverEnded: true }, 'client_closed_idle'],
  ['the client resets it idle', { error: failure('ECONNRESET') }, 'client_closed_idle'],
  ['the client ends it in an exchange', { clientEnded: true, duringRequest: true }, 'client_aborted'],
  ['the client resets it in an exchange', { error: failure('ECONNRESET'), duringRequest: true }, 'client_aborted'],
  ['the client is gone when the answer is written', { error: failure('EPIPE'), duringRequest: true }, 'client_aborted'],
  ['the client ends in the middle of its headers', { error: failure('HPE_INVALID_EOF_STATE') }, 'client_aborted'],
  ['the client speaks no HTTP', { error: failure('HPE_INVALID_METHOD') }, 'error'],
  ['any other error', { error: failure('ETIMEDOUT') }, 'error'],
  ['the server ends it after an answer', { serverEnded: true }, 'server_close_header'],
  ['the same, as the client had asked', { serverEnded: true, clientCloses: true }, 'client_close_header'],
  ['the server ends it before the first request', { serverEnded: true, requests: 0 }, 'server_shutdown'],
  ['the server ends a session of HTTP/2', { serverEnded: true, http1: false }, 'server_shutdown'],
  ['it had all the requests it may', { clientEnded: true, requests: 5, maxRequestsPerSocket: 5 }, 'max_requests'],
  ['it had fewer', { clientEnded: true, requests: 4, maxRequestsPerSocket: 5 }, 'client_closed_idle'],
  [
    'the last one is given up',
    { clientEnded: true, duringRequest: true, requests: 5, maxRequestsPerSocket: 5 },
    'client_aborted',
  ],
  ['the handshake failed', { handshakePending: true, error: failure('ERR_SSL_HTTP_REQUEST') }, 'tls_failed'],
  ['the handshake took too long', { handshakePending: true, timedOut: true }, 'tls_failed'],
  ['its close came without a word', { endUnseen: true }, 'unknown'],
  ['it was never used, and headers did not come in time', { ...UNUSED, error: SLOW }, 'never_used'],
  ['it was never used, and the timeout strikes', { ...UNUSED, timedOut: true }, 'never_used'],
  ['it was never used, and the client ends it', { ...UNUSED, clientEnded: true }, 'client_closed_idle'],
  ['it was never used, and the server is closed', UNUSED, 'server_shutdown'],
  ['the client leaves because of the hint', { clientEnded: true, idle: 3 }, 'keep_alive_hint_too_short'],
  ['the same by a reset', { error: failure('ECONNRESET'), idle: 3 }, 'keep_alive_hint_too_short'],
  ['it is closed by the server at that time', { idle: 3 }, 'server_shutdown'],
  ['it is aborted at that time', { clientEnded: true, idle: 3, duringRequest: true }, 'client_aborted'],
  ['the client ends a session of HTTP/2 then', { clientEnded: true, idle: 3, http1: false }, 'client_closed_idle'],
  ['the program ends an upgraded connection', UPGRADED, 'upgraded'],
  ['the same in the usual way', { ...UPGRADED, serverEnded: true }, 'upgraded'],
  ['the client ends it', { ...UPGRADED, clientEnded: true }, 'upgraded'],
  ['the client resets it', { ...UPGRADED, error: failure('ECONNRESET') }, 'upgraded'],
  ['the timeout of the program strikes', { ...UPGRADED, timedOut: true }, 'upgraded'],
  ['it had requests before', { ...UPGRADED, requests: 3, clientEnded: true }, 'upgraded'],
  ['it is passed to another process', { ...UPGRADED, endUnseen: true }, 'unknown'],
  ['an upgrade may be unseen, and the program ends it', MAYBE_UPGRADED, 'unknown'],
  ['the same, and the client ends it', { ...MAYBE_UPGRADED, clientEnded: true }, 'unknown'],
  ['the same, and the client resets it', { ...MAYBE_UPGRADED, error: failure('ECONNRESET') }, 'unknown'],
  ['the same, but it was half a request', { ...MAYBE_UPGRADED, error: SLOW }, 'request_timeout'],
  ['the same, but it was no HTTP', { ...MAYBE_UPGRADED, error: failure('HPE_INVALID_METHOD') }, 'error'],
  ['the same, but there was no data', { ...UNUSED, upgraded: undefined, clientEnded: true }, 'client_closed_idle'],
];

test.each(ROWS)('%s', (_what, ending, reason) => {
  expect(serverCloseReason({ ...QUIET, ...ending })).toBe(reason);
});

test('the table has every reason', () => {
  expect(new Set(ROWS.map(([, , reason]) => reason))).toEqual(new Set(SERVER_CLOSE_REASONS));
});
