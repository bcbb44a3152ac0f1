import { expect, test } from 'vitest';
import { originOf, originOfHostHeader, sameOrigin } from '../src/origins.ts';

test.each([
  [['a.test', '', 'http:'], { address: 'a.test', port: 80 }],
  [['a.test', '', 'https:'], { address: 'a.test', port: 443 }],
  [['a.test', '8080', 'http:'], { address: 'a.test', port: 8080 }],
  [['[::1]', 8080, 'http:'], { address: '::1', port: 8080 }],
  [['a.test', undefined, 'gopher:'], { address: 'a.test', port: undefined }],
] as const)('%o is %o', ([hostname, port, protocol], origin) => {
  expect(originOf(hostname, port, protocol)).toEqual(origin);
});

test.each([
  ['a.test', { address: 'a.test', port: 443 }],
  ['a.test:8443', { address: 'a.test', port: 8443 }],
  ['[::1]:8443', { address: '::1', port: 8443 }],
  ['[::1]', { address: '::1', port: 443 }],
])('the Host header %s is %o', (header, origin) => {
  expect(originOfHostHeader(header, 'https:')).toEqual(origin);
});

test('origins are the same by address and port', () => {
  const origin = { address: 'a.test', port: 80 };

  expect(sameOrigin(origin, { ...origin })).toBe(true);
  expect(sameOrigin(origin, { ...origin, port: 81 })).toBe(false);
  expect(sameOrigin(origin, { ...origin, address: 'b.test' })).toBe(false);
});
