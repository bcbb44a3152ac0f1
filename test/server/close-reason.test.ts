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
  maxRequestsPerSocket: 0,
  endUnseen: false,
};

const failure = (code: string) => Object.assign(new Error(code), { code });

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
];

test.each(ROWS)('%s', (_what, ending, reason) => {
  expect(serverCloseReason({ ...QUIET, ...ending })).toBe(reason);
});

test('the table has every reason', () => {
  expect(new Set(ROWS.map(([, , reason]) => reason))).toEqual(new Set(SERVER_CLOSE_REASONS));
});
