import { expect, test } from 'vitest';
import { conflictsWith, type ListenCall } from '../../src/register/port-conflict.ts';

const at = (address: string, port = 9464) => ({ address, port });

test.each<[string, ListenCall, string]>([
  ['the port alone', { port: 9464 }, '127.0.0.1'],
  ['the port alone', { port: 9464 }, '10.1.2.3'],
  ['the port alone', { port: 9464 }, '::1'],
  ['the port alone', { port: 9464 }, '0.0.0.0'],
  ['the port as text', { port: '9464' as unknown as number }, '127.0.0.1'],
  ['any IPv4 address', { port: 9464, host: '0.0.0.0' }, '127.0.0.1'],
  ['any IPv4 address', { port: 9464, host: '0.0.0.0' }, '::'],
  ['any IPv4 address', { port: 9464, host: '0.0.0.0' }, '::ffff:127.0.0.1'],
  ['any address', { port: 9464, host: '::' }, '127.0.0.1'],
  ['any address', { port: 9464, host: '' }, '127.0.0.1'],
  ['any IPv6 address', { port: 9464, host: '::', ipv6Only: true }, '::1'],
  ['any IPv6 address', { port: 9464, ipv6Only: true }, '::'],
  ['our address', { port: 9464, host: '127.0.0.1' }, '127.0.0.1'],
  ['our address, written otherwise', { port: 9464, host: '::ffff:127.0.0.1' }, '127.0.0.1'],
  ['our address, written otherwise', { port: 9464, host: '0:0:0:0:0:0:0:1' }, '::1'],
  ['our address, with a zone', { port: 9464, host: 'fe80::1%eth0' }, 'fe80::1'],
  ['an address, while we have all', { port: 9464, host: '10.1.2.3' }, '0.0.0.0'],
  ['an address, while we have all', { port: 9464, host: '10.1.2.3' }, '::'],
  ['localhost', { port: 9464, host: 'localhost' }, '127.0.0.1'],
  ['localhost', { port: 9464, host: 'localhost' }, '::1'],
  ['a name that may mean anything', { port: 9464, host: 'db.test' }, '127.0.0.1'],
  ['an address, while ours is a name', { port: 9464, host: '127.0.0.1' }, 'metrics.test'],
  ['a port, though there is a path, too', { port: 9464, path: '/tmp/x' }, '127.0.0.1'],
])('%s needs the port: %j while we listen on %s', (_what, options, address) => {
  expect(conflictsWith(options, at(address))).toBe(true);
});

test.each<[string, ListenCall, string]>([
  ['another port', { port: 9465 }, '127.0.0.1'],
  ['a free port', { port: 0 }, '127.0.0.1'],
  ['no port', {}, '127.0.0.1'],
  ['a port that is no number', { port: 'x' as unknown as number }, '127.0.0.1'],
  ['a path', { path: '/tmp/9464' }, '127.0.0.1'],
  ['a handle', { port: 9464, handle: {} }, '127.0.0.1'],
  ['a server that listens already', { port: 9464, _handle: {} }, '127.0.0.1'],
  ['a file descriptor', { port: 9464, fd: 3 }, '127.0.0.1'],
  ['another address', { port: 9464, host: '127.0.0.2' }, '127.0.0.1'],
  ['another family', { port: 9464, host: '::1' }, '127.0.0.1'],
  ['another family', { port: 9464, host: '127.0.0.1' }, '::1'],
  ['any IPv4 address, while ours is IPv6', { port: 9464, host: '0.0.0.0' }, '::1'],
  ['IPv6 only', { port: 9464, ipv6Only: true }, '127.0.0.1'],
  ['IPv6 only', { port: 9464, host: '::', ipv6Only: true }, '0.0.0.0'],
  ['localhost, while ours is another address', { port: 9464, host: 'localhost' }, '127.0.0.2'],
])('%s leaves us the port: %j while we listen on %s', (_what, options, address) => {
  expect(conflictsWith(options, at(address))).toBe(false);
});

test('nothing overlaps while the metrics port is unknown', () => {
  expect(conflictsWith({ port: 0 }, at('127.0.0.1', 0))).toBe(false);
});
