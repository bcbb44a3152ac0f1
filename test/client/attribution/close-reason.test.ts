import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Abort,
  type CloseFacts,
  closeReason,
  type KeepAliveSignals,
} from '../../../src/client/attribution/close-reason.ts';
import { errorType, failedOutcome, failedPhase, isLookupFailure } from '../../../src/core/errors.ts';
import { CLOSE_REASONS, type CloseReason } from '../../../src/core/reasons.ts';

const none = { started: 0, resolved: undefined, connected: undefined, secured: undefined };

test.each([
  [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [Object.assign(new TypeError('x'), { code: 'ERR_INVALID_ARG_TYPE' }), 'ERR_INVALID_ARG_TYPE'],
  [new TypeError('x'), 'TypeError'],
  [Object.assign(new Error('x'), { code: 42 }), 'Error'],
  [Object.assign(new Error('x'), { code: 'not\na "code"' }), 'Error'],
  [Object.assign(new Error('x'), { code: 'E'.repeat(65), name: '' }), '_OTHER'],
  [{ name: 'so long a name '.repeat(10) }, '_OTHER'],
  ['a string', '_OTHER'],
  [undefined, '_OTHER'],
  [null, '_OTHER'],
])('the type of %o is %s', (error, type) => {
  expect(errorType(error)).toBe(type);
});

test.each([
  ['dns', none, false, undefined],
  ['dns', { ...none, resolved: 1 }, false, { syscall: 'getaddrinfo' }],
  ['connect', { ...none, resolved: 1 }, true, { code: 'ECONNREFUSED' }],
  ['connect', none, false, { syscall: 'bind' }],
  ['tls', { ...none, connected: 1 }, true, { code: 'ECONNRESET' }],
] as const)('what fails in phase %s', (phase, moments, tried, error) => {
  expect(failedPhase(moments, tried, error)).toBe(phase);
});

test.each([
  ['ETIMEDOUT', 'timed_out'],
  ['UND_ERR_CONNECT_TIMEOUT', 'timed_out'],
  ['ERR_SOCKET_CONNECTION_TIMEOUT', 'timed_out'],
  ['ECONNREFUSED', 'failed'],
])('an attempt that ends with %s %s', (code, outcome) => {
  expect(failedOutcome({ code })).toBe(outcome);
});

test.each([
  [{ syscall: 'getaddrinfo', code: 'ENOTFOUND' }, true],
  [{ syscall: 'queryA', code: 'ENODATA' }, true],
  [{ code: 'ENOTFOUND' }, false],
  [undefined, false],
])('whether %o is the resolver speaking: %s', (error, is) => {
  expect(isLookupFailure(error)).toBe(is);
});

/** The last request of a reusable connection: a finished GET. */
function over(said: Partial<KeepAliveSignals> = {}): KeepAliveSignals {
  return {
    methodNotReusable: false,
    clientCloses: false,
    closeIsExplicit: false,
    serverCloses: false,
    keepAlive: undefined,
    keepAliveMargin: 2,
    sent: true,
    complete: true,
    aborted: false,
    upgraded: false,
    ...said,
  };
}

/** The last request of a connection that closed before the request had finished. */
const cut = (said: Partial<KeepAliveSignals> = {}) => over({ complete: false, ...said });

/** A connection that served one request, whose response was read to the end, and closed without a signal. */
function ending(seen: Partial<CloseFacts> = {}): CloseFacts {
  return {
    http: true,
    error: undefined,
    serverEnded: false,
    timedOut: false,
    abort: undefined,
    expired: false,
    receivedGoaway: false,
    tunnel: 'none',
    signals: over(),
    streams: 0,
    responseStarted: true,
    requests: 1,
    poolWasFull: false,
    returnedToPool: false,
    ...seen,
  };
}

const error = (code: string, message = '') => Object.assign(new Error(message), { code });
/** An error of the operating system. */
const system = (code: string, syscall = 'read') => Object.assign(error(code), { syscall });
const byProgram = new Error('enough');
const undici = (message: string) => error('UND_ERR_INFO', message);
const reset = undici('reset');
const aborted = undici('aborted');
const otherSideClosed = error('UND_ERR_SOCKET', 'other side closed');

const ROWS: readonly (readonly [CloseReason, when: string, Partial<CloseFacts>])[] = [
  ['client_idle_timeout', 'undici lets an idle one go', { error: undici('socket idle timeout') }],
  ['client_idle_timeout', 'undici 6 names the host too', { error: undici('socket idle timeout (a.test)') }],
  ['client_idle_timeout', 'its timeout strikes while its agent has it', { timedOut: true, returnedToPool: true }],
  ['client_idle_timeout', 'a plain socket times out', { http: false, signals: undefined, timedOut: true }],

  ['server_idle_close', 'undici finds it ended', { error: otherSideClosed }],
  ['server_idle_close', 'it is reset while idle', { error: system('ECONNRESET') }],
  ['server_idle_close', 'it is reset before it served any', { error: system('ECONNRESET'), signals: undefined }],
  ['server_idle_close', 'the server ends it while its agent has it', { serverEnded: true, returnedToPool: true }],
  ['server_idle_close', 'the agent lets one go that it had', { returnedToPool: true }],

  ['server_closed_active', 'undici finds it ended before the answer', { error: otherSideClosed, signals: cut() }],
  ['server_closed_active', 'it is reset in an answer', { error: system('ECONNRESET'), signals: cut() }],
  ['server_closed_active', 'it is gone while being written to', { error: error('EPIPE'), signals: cut() }],
  ['server_closed_active', 'the server ends it in an answer', { serverEnded: true, signals: cut() }],
  [
    'server_closed_active',
    'it is reset while the rest of a request is written',
    { error: system('ECONNRESET', 'write') },
  ],
  [
    'server_closed_active',
    'it is reset after an early answer',
    { error: system('ECONNRESET'), signals: over({ sent: false }) },
  ],
  ['server_closed_active', 'streams are on it', { error: system('ECONNRESET'), signals: undefined, streams: 2 }],

  ['server_close_header', 'the answer said so', { error: reset, signals: over({ serverCloses: true }) }],
  ['server_close_header', 'the answer was HTTP/1.0, which says nothing', { error: reset }],
  [
    'server_close_header',
    'node:http does as the answer said',
    { signals: over({ serverCloses: true, keepAliveMargin: 1 }) },
  ],
  ['server_close_header', 'the server does as it said', { serverEnded: true, signals: over({ serverCloses: true }) }],

  [
    'keep_alive_off',
    'the request said so',
    { error: reset, signals: over({ clientCloses: true, closeIsExplicit: true }) },
  ],
  ['keep_alive_off', 'the client never keeps any', { error: reset, signals: over({ clientCloses: true }) }],
  [
    'keep_alive_off',
    'the request said so, after others',
    { requests: 9, error: reset, signals: over({ clientCloses: true, closeIsExplicit: true }) },
  ],

  ['keep_alive_hint_too_short', 'undici takes 2 s off', { error: reset, signals: over({ keepAlive: 2 }) }],
  ['keep_alive_hint_too_short', 'node:http takes 1 s off', { signals: over({ keepAlive: 1, keepAliveMargin: 1 }) }],
  [
    'keep_alive_hint_too_short',
    'it had been idle',
    { returnedToPool: true, signals: over({ keepAlive: 1, keepAliveMargin: 1 }) },
  ],

  ['not_reusable_method', 'undici resets after HEAD', { error: reset, signals: over({ methodNotReusable: true }) }],

  ['body_unread', 'the answer is collected as garbage', { error: aborted, abort: 'unread', signals: cut() }],

  ['body_cancelled', 'undici gives an answer up', { error: aborted, signals: cut({ aborted: true }) }],
  [
    'body_cancelled',
    'the program gives the answer up with an error',
    { error: byProgram, abort: 'cancelled', signals: cut() },
  ],
  ['body_cancelled', 'the socket is destroyed with an error in the answer', { error: byProgram, signals: cut() }],
  ['body_cancelled', 'node:http destroys an answer', { signals: cut({ aborted: true }) }],
  ['body_cancelled', 'the socket is destroyed in the answer', { signals: cut() }],

  ['request_aborted', 'undici gives a request up', { error: aborted, responseStarted: false, signals: cut() }],
  [
    'request_aborted',
    'an abort comes first',
    { error: error('UND_ERR_ABORTED'), responseStarted: false, signals: cut() },
  ],
  [
    'request_aborted',
    'the program gives the request up with an error',
    { error: byProgram, abort: 'cancelled', responseStarted: false, signals: cut() },
  ],
  [
    'request_aborted',
    'it gives it up with the reset of another socket',
    { error: system('ECONNRESET'), abort: 'cancelled', responseStarted: false, signals: cut() },
  ],
  [
    'request_aborted',
    'undici has the answer before it sent the request',
    { error: reset, signals: over({ sent: false }) },
  ],
  ['request_aborted', 'node:http destroys a request', { responseStarted: false, signals: cut({ aborted: true }) }],

  ['request_timeout', 'undici waits for headers', { error: error('UND_ERR_HEADERS_TIMEOUT'), signals: cut() }],
  ['request_timeout', 'undici waits for the body', { error: error('UND_ERR_BODY_TIMEOUT'), signals: cut() }],
  ['request_timeout', 'its timeout strikes in the exchange', { timedOut: true, signals: cut({ aborted: true }) }],
  [
    'request_timeout',
    'its timeout strikes, and the program destroys it with an error',
    { timedOut: true, error: byProgram, abort: 'cancelled', signals: cut() },
  ],
  [
    'request_timeout',
    'a signal of the program says so',
    { error: aborted, abort: 'timed_out', responseStarted: false, signals: cut() },
  ],
  ['request_timeout', 'a signal says so in the answer', { error: aborted, abort: 'timed_out', signals: cut() }],

  ['max_requests', 'it served as many as it may', { requests: 3, error: reset, signals: over({ clientCloses: true }) }],

  ['connection_expired', 'the agent gets it back too late', { expired: true, returnedToPool: true }],
  ['connection_expired', 'it expires while its agent has it', { expired: true, timedOut: true, returnedToPool: true }],
  ['connection_expired', 'undici retires its client', { expired: true, error: error('UND_ERR_DESTROYED') }],

  ['pool_full', 'the agent has no room', { poolWasFull: true, returnedToPool: true }],

  ['goaway', 'the server sent one', { receivedGoaway: true, signals: undefined }],
  ['goaway', 'undici says so', { error: error('UND_ERR_SOCKET', 'HTTP/2: "GOAWAY" frame received with code 0') }],
  ['goaway', 'undici 8 says so', { error: undici('HTTP/2: "GOAWAY" frame received with code 0') }],

  ['proxy_refused', 'a proxy answered CONNECT with an error', { tunnel: 'refused', signals: cut() }],
  ['proxy_refused', 'the same, and nobody published the request', { tunnel: 'refused', signals: undefined }],
  ['upgraded', 'it was a tunnel for something else than HTTP', { tunnel: 'open' }],
  [
    'server_closed_active',
    'a proxy closed instead of an answer',
    { tunnel: 'requested', signals: undefined, serverEnded: true, responseStarted: false },
  ],
  [
    'request_timeout',
    'a proxy did not answer',
    { tunnel: 'requested', signals: undefined, timedOut: true, responseStarted: false },
  ],
  ['unknown', 'a proxy answered, but the client does not publish how', { tunnel: 'requested', signals: cut() }],
  ['upgraded', 'it had become something else', { signals: over({ upgraded: true }) }],

  ['client_shutdown', 'destroy() was called', { error: error('UND_ERR_DESTROYED'), signals: cut() }],
  ['client_shutdown', 'close() was called', { error: error('UND_ERR_CLOSED') }],
  [
    'client_shutdown',
    'it served none, and nobody said a word',
    { signals: undefined, requests: 0, responseStarted: false },
  ],
  ['client_shutdown', 'the agent is destroyed in an exchange', { responseStarted: false, signals: cut() }],
  ['client_shutdown', 'the program had it', {}],
  ['client_shutdown', 'destroy() was called with an error', { error: byProgram }],
  [
    'client_shutdown',
    'a session is destroyed with its streams',
    { signals: undefined, streams: 2, responseStarted: false },
  ],

  ['peer_closed', 'the other side ends a plain socket', { http: false, signals: undefined, serverEnded: true }],
  ['peer_closed', 'a plain socket is reset', { http: false, signals: undefined, error: system('ECONNRESET') }],
  [
    'peer_closed',
    'a plain socket is written to too late',
    { http: false, signals: undefined, error: system('EPIPE', 'write') },
  ],

  ['client_closed', 'a plain socket is ended', { http: false, signals: undefined }],
  ['client_closed', 'a plain socket is destroyed with an error', { http: false, signals: undefined, error: byProgram }],
  ['client_closed', 'what was thrown is no error', { http: false, signals: undefined, error: 'a string' }],

  ['error', 'an answer is no HTTP', { error: error('HPE_INVALID_CONSTANT'), signals: cut() }],
  ['error', 'the network gives up on an idle one', { error: system('ETIMEDOUT') }],
  ['error', 'the network gives up in an exchange', { error: system('ETIMEDOUT'), signals: cut() }],
  ['error', 'the network gives up on a plain socket', { http: false, signals: undefined, error: system('ETIMEDOUT') }],

  ['unknown', "undici's own word that nobody foresaw", { error: undici('servername changed') }],
];

test.each(ROWS)('%s when %s', (reason, _when, seen) => {
  expect(closeReason(ending(seen))).toBe(reason);
});

test('every close reason has a row', () => {
  expect(new Set(ROWS.map(([reason]) => reason))).toEqual(new Set(CLOSE_REASONS));
});

/** Two reasons apply: the first one seen, or the more specific one, wins. */
test.each<[winner: CloseReason, loser: CloseReason, Partial<CloseFacts>]>([
  ['proxy_refused', 'upgraded', { tunnel: 'refused', signals: over({ upgraded: true }) }],
  ['proxy_refused', 'server_closed_active', { tunnel: 'refused', serverEnded: true, signals: cut() }],
  ['proxy_refused', 'client_shutdown', { tunnel: 'refused', error: error('UND_ERR_DESTROYED') }],
  ['upgraded', 'goaway', { receivedGoaway: true, signals: over({ upgraded: true }) }],
  ['upgraded', 'server_closed_active', { serverEnded: true, signals: cut({ upgraded: true }) }],
  ['upgraded', 'client_shutdown', { error: error('UND_ERR_DESTROYED'), signals: over({ upgraded: true }) }],
  ['goaway', 'server_closed_active', { receivedGoaway: true, error: otherSideClosed, signals: undefined, streams: 1 }],
  ['goaway', 'client_shutdown', { receivedGoaway: true, error: error('UND_ERR_DESTROYED') }],
  ['client_shutdown', 'server_idle_close', { error: error('UND_ERR_DESTROYED'), serverEnded: true }],
  ['client_shutdown', 'request_aborted', { error: error('UND_ERR_DESTROYED'), responseStarted: false, signals: cut() }],
  [
    'request_timeout',
    'server_closed_active',
    { error: error('UND_ERR_BODY_TIMEOUT'), serverEnded: true, signals: cut() },
  ],
  ['client_idle_timeout', 'server_idle_close', { error: undici('socket idle timeout'), serverEnded: true }],
  ['client_idle_timeout', 'pool_full', { error: undici('socket idle timeout'), poolWasFull: true }],
  [
    'not_reusable_method',
    'keep_alive_off',
    { error: reset, signals: over({ methodNotReusable: true, clientCloses: true }) },
  ],
  [
    'keep_alive_off',
    'server_close_header',
    { signals: over({ clientCloses: true, closeIsExplicit: true, serverCloses: true }) },
  ],
  ['max_requests', 'server_close_header', { requests: 2, signals: over({ clientCloses: true, serverCloses: true }) }],
  ['server_close_header', 'keep_alive_hint_too_short', { signals: over({ serverCloses: true, keepAlive: 0 }) }],
  ['server_close_header', 'server_idle_close', { error: otherSideClosed, signals: over({ serverCloses: true }) }],
  ['keep_alive_hint_too_short', 'pool_full', { poolWasFull: true, signals: over({ keepAlive: 1 }) }],
  ['pool_full', 'server_idle_close', { poolWasFull: true, returnedToPool: true, serverEnded: true }],
  [
    'keep_alive_hint_too_short',
    'server_idle_close',
    { serverEnded: true, signals: over({ keepAlive: 1 }), returnedToPool: true },
  ],
  // once the agent has the connection back, request and response headers cannot have closed it
  ['server_idle_close', 'not_reusable_method', { signals: over({ methodNotReusable: true }), returnedToPool: true }],
  ['server_idle_close', 'server_close_header', { signals: over({ serverCloses: true }), returnedToPool: true }],
  [
    'server_idle_close',
    'keep_alive_off',
    { signals: over({ clientCloses: true, closeIsExplicit: true }), returnedToPool: true },
  ],
  ['server_closed_active', 'server_close_header', { serverEnded: true, signals: cut({ serverCloses: true }) }],
  ['server_closed_active', 'keep_alive_off', { error: otherSideClosed, signals: cut({ clientCloses: true }) }],
  ['body_cancelled', 'keep_alive_off', { signals: cut({ aborted: true, clientCloses: true, closeIsExplicit: true }) }],
  ['request_timeout', 'request_aborted', { timedOut: true, responseStarted: false, signals: cut({ aborted: true }) }],
  ['request_timeout', 'client_idle_timeout', { timedOut: true }],
  ['server_closed_active', 'request_aborted', { abort: 'cancelled', serverEnded: true, signals: cut() }],
  ['request_timeout', 'body_unread', { abort: 'unread', timedOut: true, signals: cut() }],
  ['server_close_header', 'request_aborted', { abort: 'cancelled', signals: over({ serverCloses: true }) }],
  [
    'server_closed_active',
    'server_close_header',
    { serverEnded: true, signals: over({ sent: false, serverCloses: true }) },
  ],
  ['pool_full', 'connection_expired', { expired: true, poolWasFull: true, returnedToPool: true }],
  ['server_idle_close', 'connection_expired', { expired: true, serverEnded: true, returnedToPool: true }],
  ['peer_closed', 'client_idle_timeout', { http: false, signals: undefined, serverEnded: true, timedOut: true }],
  ['client_idle_timeout', 'client_closed', { http: false, signals: undefined, error: byProgram, timedOut: true }],
  ['error', 'client_idle_timeout', { error: system('EHOSTUNREACH'), timedOut: true }],
])('%s rather than %s', (winner, _loser, seen) => {
  expect(closeReason(ending(seen))).toBe(winner);
});

test.each([
  [2, 2, 'keep_alive_hint_too_short'],
  [3, 2, 'client_shutdown'],
  [1, 1, 'keep_alive_hint_too_short'],
  [2, 1, 'client_shutdown'],
  [0, 1, 'keep_alive_hint_too_short'],
  [undefined, 2, 'client_shutdown'],
])('a promise of %s s, of which the client takes %i off: %s', (keepAlive, margin, reason) => {
  expect(closeReason(ending({ signals: over({ keepAlive, keepAliveMargin: margin }) }))).toBe(reason);
});

test('every possible close has exactly one reason', () => {
  const codes = [...new Set(ROWS.map(([, , seen]) => errorType(seen.error)))];
  const texts = ['reset', 'aborted', 'socket idle timeout', 'other side closed', 'GOAWAY', ''];
  const anyError = fc.oneof(
    fc.constant(undefined),
    fc.record({ code: fc.constantFrom(...codes), message: fc.constantFrom(...texts) }),
    fc.anything(),
  );
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const anyParting = fc.record<KeepAliveSignals>({
    methodNotReusable: fc.boolean(),
    clientCloses: fc.boolean(),
    closeIsExplicit: fc.boolean(),
    serverCloses: fc.boolean(),
    keepAlive: maybe(fc.oneof(fc.nat(5), fc.constant(Number.NaN))),
    keepAliveMargin: fc.nat(2),
    sent: fc.boolean(),
    complete: fc.boolean(),
    aborted: fc.boolean(),
    upgraded: fc.boolean(),
  });
  const anyEnding = fc.record<CloseFacts>({
    http: fc.boolean(),
    error: anyError,
    serverEnded: fc.boolean(),
    timedOut: fc.boolean(),
    abort: maybe(fc.constantFrom<Abort>('unread', 'timed_out', 'cancelled')),
    expired: fc.boolean(),
    receivedGoaway: fc.boolean(),
    tunnel: fc.constantFrom('none', 'requested', 'open', 'refused'),
    signals: maybe(anyParting),
    streams: fc.nat(2),
    responseStarted: fc.boolean(),
    requests: fc.nat(3),
    poolWasFull: fc.boolean(),
    returnedToPool: fc.boolean(),
  });

  fc.assert(
    fc.property(anyEnding, seen => {
      expect(CLOSE_REASONS).toContain(closeReason(seen));
    }),
    { numRuns: 5_000 },
  );
});
