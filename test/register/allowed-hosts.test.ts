import { expect, test } from 'vitest';
import { isAllowedHost } from '../../src/register/allowed-hosts.ts';

const isAllowed = (header: string | undefined, listeningOn: string, allowed: readonly string[] | undefined) =>
  isAllowedHost(header, { host: 'localhost', listeningOn, allowed });

const LOOPBACK = ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'];
const OTHERS = ['0.0.0.0', '::', '10.1.2.3', '2001:db8::1'];

const LOOPBACK_NAMES_AND_ADDRESSES = [
  'localhost',
  'localhost:9464',
  'localhost:',
  'LOCALHOST',
  'LocalHost:80',
  'localhost.',
  'localhost.:9464',
  'app.localhost',
  'a.b-c_d.localhost:9464',
  '127.0.0.1',
  '127.0.0.1:9464',
  '10.1.2.3:1',
  '0.0.0.0:9464',
  '[::1]',
  '[::1]:9464',
  '[2001:DB8::1]:9464',
  '[::ffff:127.0.0.1]',
  '[fe80::1%eth0]:9464',
];

const NAMES = ['evil.example', 'evil.example:9464', 'demo', 'demo:9464', 'xn--localhst-0za'];

const TRICKS = [
  '',
  ' ',
  ':9464',
  '.',
  '.localhost',
  'localhost..',
  'localhost.evil.example',
  'evillocalhost',
  'evil-localhost:80',
  'localhost@evil.example',
  'a@localhost',
  'evil.example#localhost',
  'evil.example/localhost',
  'evil.example\\.localhost',
  'localhost, evil.example',
  'evil.example,localhost',
  'evil.example localhost',
  'localhost:80:80',
  'localhost:http',
  'evil.example:localhost',
  '127.0.0.1.',
  '127.0.0.1.evil.example',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '256.0.0.1',
  '127.0.0.1:80@evil.example',
  '::1',
  '[::1',
  '::1]',
  '[]',
  '[localhost]',
  '[127.0.0.1]',
  '[::1]evil.example',
  '[::1].evil.example:80',
  '[::g]',
  'http://localhost',
  'local\u0131ost',
  'localhost\u0000',
  '\uff11\uff12\uff17.0.0.1',
];

test.each(LOOPBACK_NAMES_AND_ADDRESSES)('%j is allowed for every bind address and every list', host => {
  for (const listeningOn of [...LOOPBACK, ...OTHERS]) {
    expect(isAllowed(host, listeningOn, undefined)).toBe(true);
    expect(isAllowed(host, listeningOn, [])).toBe(true);
    expect(isAllowed(host, listeningOn, ['demo'])).toBe(true);
  }
});

test('a missing Host header is allowed, because browsers always send one', () => {
  for (const listeningOn of [...LOOPBACK, ...OTHERS]) {
    expect(isAllowed(undefined, listeningOn, undefined)).toBe(true);
    expect(isAllowed(undefined, listeningOn, [])).toBe(true);
  }
});

test.each([...NAMES, ...TRICKS])('%j is rejected on loopback, and on every address if it is not in the list', host => {
  for (const listeningOn of LOOPBACK) expect(isAllowed(host, listeningOn, undefined)).toBe(false);
  for (const listeningOn of [...LOOPBACK, ...OTHERS]) {
    expect(isAllowed(host, listeningOn, [])).toBe(false);
    expect(isAllowed(host, listeningOn, ['other.example'])).toBe(false);
  }
});

test.each(NAMES)('%j is allowed on other addresses without a list', host => {
  for (const listeningOn of OTHERS) expect(isAllowed(host, listeningOn, undefined)).toBe(true);
});

test.each(['demo', 'DEMO', 'demo.', 'demo:9464', 'Demo.:80'])('%j is the listed name demo', host => {
  for (const listeningOn of [...LOOPBACK, ...OTHERS]) expect(isAllowed(host, listeningOn, ['shop', 'demo'])).toBe(true);
});

test.each(['demo.example', 'a.demo', 'demoo', 'demo..', 'demo/', 'demo@shop', 'shop@demo'])(
  '%j is not the listed name demo',
  host => {
    for (const listeningOn of [...LOOPBACK, ...OTHERS]) expect(isAllowed(host, listeningOn, ['demo'])).toBe(false);
  },
);

test('the name in OTEL_EXPORTER_PROMETHEUS_HOST is allowed', () => {
  const rules = { host: 'Metrics.test', listeningOn: '127.0.0.1', allowed: undefined };

  expect(isAllowedHost('metrics.test:9464', rules)).toBe(true);
  expect(isAllowedHost('metrics.test:9464', { ...rules, allowed: ['demo'] })).toBe(true);
  expect(isAllowedHost('evil.test:9464', rules)).toBe(false);
});
