import { expect, test } from 'vitest';
import { errorType, failedOutcome, failedPhase, isLookupFailure } from '../src/reasons.ts';

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
