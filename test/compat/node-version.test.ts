import { expect, test } from 'vitest';
import { isSupported, nodeOf, unsupportedMessage } from './node-version.ts';

const RANGE = '^22.19.0 || >=24.2.0';

test.each([
  ['v22.18.0', false],
  ['v22.19.0', true],
  ['v22.20.0', true],
  ['v23.11.0', false],
  ['v24.1.9', false],
  ['v24.2.0', true],
  ['v25.0.0', true],
  ['v26.10.0', true],
  ['v20.20.2', false],
  ['v26.0.0-nightly2026', true],
])('%s supported: %s', (version, expected) => {
  expect(isSupported(version, RANGE)).toBe(expected);
});

test('a range in an unknown format is an error', () => {
  expect(() => isSupported('v24.2.0', '24.x')).toThrow('24.x');
});

test('the message is one line with the version, the path and the supported range', () => {
  expect(unsupportedMessage({ path: '/opt/node', version: 'v20.1.0' }, RANGE)).toBe(
    'connmeter does not support Node 20.1.0 (/opt/node): it needs ^22.19.0 || >=24.2.0.',
  );
  expect(unsupportedMessage({ path: '/opt/node', version: 'v24.2.0' }, RANGE)).toBeUndefined();
});

test.each([
  [[process.execPath, '--test']],
  [['env', 'A=1', process.execPath, '--test']],
  [[`A=1 ${process.execPath} --test`]],
])('%j runs on the Node that it names, whatever is on the PATH', words => {
  expect(nodeOf(words, '.', '/usr/bin:/bin')).toEqual({ path: process.execPath, version: process.version });
});
