import { expect, test } from 'vitest';
import { currentPhase, errorType, failedOutcome, failureType, isGivenUp, saysTimeout } from '../../src/core/errors.ts';

const withCode = (code: string, message = 'failed', rest: object = {}) =>
  Object.assign(new Error(message), { code, ...rest });
const systemError = (code: string, syscall: string, message = `${syscall} ${code}`) =>
  withCode(code, message, { syscall });
const abortError = (cause: unknown) =>
  Object.assign(new Error('The operation was aborted', { cause }), { code: 'ABORT_ERR', name: 'AbortError' });
const timeoutReason = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
const abortReason = new DOMException('This operation was aborted', 'AbortError');

/** The error of an attempt, and its type without and with a 'timeout' event of the socket. */
const TYPES: readonly (readonly [error: unknown, type: string, afterTimeout: string])[] = [
  // Codes of the system, of Node and of clients stay.
  [systemError('ECONNREFUSED', 'connect'), 'ECONNREFUSED', 'ECONNREFUSED'],
  [systemError('ETIMEDOUT', 'connect'), 'ETIMEDOUT', 'ETIMEDOUT'],
  [systemError('ENOTFOUND', 'getaddrinfo', 'getaddrinfo ENOTFOUND time-out.test'), 'ENOTFOUND', 'ENOTFOUND'],
  [withCode('ECONNREFUSED', ''), 'ECONNREFUSED', 'ECONNREFUSED'], // an AggregateError has no syscall
  [withCode('ERR_SSL_SSL/TLS_ALERT'), 'ERR_SSL_SSL_TLS_ALERT', 'ERR_SSL_SSL_TLS_ALERT'],
  [withCode('CERT_HAS_EXPIRED'), 'CERT_HAS_EXPIRED', 'CERT_HAS_EXPIRED'],
  [withCode('ECONNRESET', 'Client network socket disconnected'), 'ECONNRESET', 'ECONNRESET'],
  [withCode('UND_ERR_DESTROYED', 'The client is destroyed'), 'UND_ERR_DESTROYED', 'UND_ERR_DESTROYED'],
  [withCode('UND_ERR_CONNECT_TIMEOUT', 'Connect Timeout Error'), 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT'],
  [withCode('ETIMEDOUT', 'timeout of 300ms exceeded'), 'ETIMEDOUT', 'ETIMEDOUT'],

  // A timer of the client, without a code that says so.
  [withCode('ECONNABORTED', 'timeout of 300ms exceeded'), 'timeout', 'timeout'],
  [new Error('timeout'), 'timeout', 'timeout'],
  [new Error('Request timed out'), 'timeout', 'timeout'],
  [new Error('connection time-out'), 'timeout', 'timeout'],
  [timeoutReason, 'timeout', 'timeout'],
  [abortError(timeoutReason), 'timeout', 'timeout'],
  [abortError(new Error('timeout after 5 s')), 'timeout', 'timeout'],
  [Object.assign(new Error('x'), { name: 'MyTimeoutError' }), 'timeout', 'timeout'],

  // Given up. Only the socket can show a timer.
  [undefined, 'aborted', 'timeout'],
  [abortError(abortReason), 'aborted', 'timeout'],
  [abortReason, 'aborted', 'timeout'],
  [withCode('ERR_CANCELED', 'canceled'), 'aborted', 'timeout'],
  [systemError('ECANCELED', 'write', 'write ECANCELED Canceled because of SSL destruction'), 'aborted', 'timeout'],

  // Errors of the program.
  [new Error('enough'), 'Error', 'timeout'],
  [new TypeError('enough'), 'TypeError', 'timeout'],
  [withCode('MY_CODE'), 'MY_CODE', 'MY_CODE'],
  [withCode('ECONNABORTED'), 'ECONNABORTED', 'ECONNABORTED'],
  [withCode('not a code'), 'Error', 'timeout'],
  ['a string', '_OTHER', 'timeout'],
];

test.each(TYPES)(
  'an attempt that fails with %o has the type %s, or %s if its socket timed out',
  (error, type, later) => {
    expect([failureType(error, false), failureType(error, true)]).toEqual([type, later]);
  },
);

test.each(TYPES)('the outcome of an attempt that fails with %o agrees with its type', (error, type, later) => {
  const outcomes = [type, later].map(each => (/timed?_?out/i.test(each) ? 'timed_out' : 'failed'));

  expect([failedOutcome(error), failedOutcome(error, true)]).toEqual(outcomes);
});

test('only the start of a message is searched', () => {
  expect(saysTimeout(new Error(`${'.'.repeat(490)} timeout`))).toBe(true);
  expect(saysTimeout(new Error(`${'.'.repeat(1e6)} timeout`))).toBe(false);
});

test.each([
  [undefined, true],
  [abortError(abortReason), true],
  [withCode('ERR_CANCELED'), true],
  [withCode('UND_ERR_CONNECT_TIMEOUT'), true],
  [new Error('enough'), true],
  [systemError('EADDRNOTAVAIL', 'bind'), false],
  [withCode('ERR_IP_BLOCKED'), false],
])('an attempt that ends with %o was given up: %s', (error, givenUp) => {
  expect(isGivenUp(error)).toBe(givenUp);
});

test('the phase of an attempt follows from how far it has come', () => {
  const moments = { started: 1, resolved: undefined, connected: undefined, secured: undefined };

  expect([
    currentPhase(moments, false),
    currentPhase(moments, true),
    currentPhase({ ...moments, connected: 2 }, true),
  ]).toEqual(['dns', 'connect', 'tls']);
});

test.each([
  [{ code: 'ECONNRESET', name: 'Error' }, 'ECONNRESET'],
  [{ code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' }, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'],
  [{ code: 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED' }, 'ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_EXPIRED'],
  [{ code: 'auth/user-not-found', name: 'FirebaseError' }, 'FirebaseError'],
  [{ code: 'secrets/token', name: 'Error' }, 'Error'],
  [{ code: 'ERR_SSL_a b', name: 'Error' }, 'Error'],
  [{ code: 7, name: '' }, '_OTHER'],
  [undefined, '_OTHER'],
])('the type of the error %o is %s', (error, type) => {
  expect(errorType(error)).toBe(type);
});
