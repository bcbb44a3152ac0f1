import { expect, test } from 'vitest';
import { hostName, originOf, portInHostHeader, printable, sameOrigin, socketPath } from '../../src/core/origins.ts';

test.each([
  [['a.test', '', 'http:'], { address: 'a.test', port: 80 }],
  [['a.test', '', 'https:'], { address: 'a.test', port: 443 }],
  [['a.test', '8080', 'http:'], { address: 'a.test', port: 8080 }],
  [['[::1]', 8080, 'http:'], { address: '::1', port: 8080 }],
  [['a.test', undefined, 'gopher:'], { address: 'a.test', port: undefined }],
  [['admin:hunter2@a.test', '', 'http:'], { address: 'unknown', port: 80 }],
  [['a.test', '', 'constructor'], { address: 'a.test', port: undefined }],
] as const)('%o is %o', ([hostname, port, protocol], origin) => {
  expect(originOf(hostname, port, protocol)).toEqual(origin);
});

test.each([
  ['a.test', 'a.test', ''],
  ['a.test:8443', 'a.test', '8443'],
  ['[::1]:8443', '::1', '8443'],
  ['[::1]', '::1', ''],
  ['10.0.0.1:80', '10.0.0.1', '80'],
  ['b.test:8443', 'a.test', undefined],
  ['a.test.evil:8443', 'a.test', undefined],
  ['a.test:', 'a.test', undefined],
  ['a.test:8443x', 'a.test', undefined],
  ['a.test:184430', 'a.test', undefined],
  ['', 'a.test', undefined],
  [undefined, 'a.test', undefined],
  [['a.test', 'b.test'], 'a.test', undefined],
])('the Host header %j of a request to %s has the port %j', (header, dialled, port) => {
  expect(portInHostHeader(header, dialled)).toBe(port);
});

test('origins are identified by address and port', () => {
  const origin = { address: 'a.test', port: 80 };

  expect(sameOrigin(origin, { ...origin })).toBe(true);
  expect(sameOrigin(origin, { ...origin, port: 81 })).toBe(false);
  expect(sameOrigin(origin, { ...origin, address: 'b.test' })).toBe(false);
});

test.each(['a.test', 'sub_domain.a-b.test', '127.0.0.1', '::1', 'fe80::1%eth0', 'bücher.test', 'x'.repeat(255)])(
  'the name %s is unchanged',
  name => {
    expect(hostName(name)).toBe(name);
  },
);

test.each([
  'redis://:hunter2@redis.test:6379',
  'admin:hunter2@a.test',
  'a.test/path',
  'a.test?key=hunter2',
  'Host=a.test;Password=hunter2',
  'a test',
  'a\ntest',
  'a\x1b[31m',
  'a"test',
  '\u202ea',
  'a\ud800',
  '',
  'x'.repeat(256),
])('%j can be no name', name => {
  expect(hostName(name)).toBe('unknown');
});

test('the path of a Unix socket is printable and of bounded length, and a URL is not a path', () => {
  expect(socketPath('/run/Docker.sock')).toBe('/run/Docker.sock');
  expect(socketPath('\0abstract')).toBe('\ufffdabstract');
  expect(socketPath(`/${'x'.repeat(253)}😀`)).toBe(`/${'x'.repeat(253)}\ufffd`);
  expect(socketPath('redis://:hunter2@redis.test')).toBe('unknown');
});

test('terminal control characters are replaced, and letters of any script are kept', () => {
  expect(printable('a\nb\x1b[31m\x9b\u202e\u2028\ud800')).toBe('a\ufffdb\ufffd[31m\ufffd\ufffd\ufffd\ufffd');
  expect(printable('Grüße 東京 😀 "\\')).toBe('Grüße 東京 😀 "\\');
});
