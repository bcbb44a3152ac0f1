import { expect, test } from 'vitest';
import { nameFilter, originKey, originName, shortened, visible } from '../../../src/page/model/names.ts';

test.each([
  [{ address: 'a.test', port: 443 }, 'a.test:443'],
  [{ address: '::1', port: 80 }, '[::1]:80'],
  [{ address: '/run/db.sock', port: undefined }, '/run/db.sock'],
  [{ address: 'evil\u202egnp.test', port: 80 }, 'evil\ufffdgnp.test:80'],
])('an origin is shown with its port: %j', (origin, name) => {
  expect(originName(origin)).toBe(name);
});

test('characters that are invisible or change the order of others are replaced', () => {
  expect(visible('a\u202e\u2066\u200f\u200b\0\n\u2028\ud800b')).toBe(`a${'\ufffd'.repeat(8)}b`);
  expect(visible('ΟΔΟΣ שלום 😀')).toBe('ΟΔΟΣ שלום 😀');
});

test('origins with the same name and different ports have different keys', () => {
  expect(originKey({ address: 'a', port: 1 })).not.toBe(originKey({ address: 'a', port: 11 }));
  expect(originKey({ address: 'a', port: undefined })).not.toBe(originKey({ address: 'a', port: 1 }));
});

test('of a long name both ends are shown, and no character is cut in half', () => {
  const long = `${'😀'.repeat(60)}${'b'.repeat(60)}`;

  expect(shortened('short.test:443')).toBe('short.test:443');
  expect(shortened('a'.repeat(64))).toBe('a'.repeat(64));
  expect(shortened(long)).toBe(`${'😀'.repeat(31)}…${'b'.repeat(32)}`);
});

test('the filter finds a part of the name or the port, without case', () => {
  const origin = { address: 'Pay.test', port: 443 };

  expect(['', ' ', 'pay', 'TEST:44', ' 443 '].map(typed => nameFilter(typed)(origin))).toEqual(Array(5).fill(true));
  expect(['stock', '80', '.*'].map(typed => nameFilter(typed)(origin))).toEqual(Array(3).fill(false));
});
