import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isSupportedNode, SUPPORTED_NODE } from '../../src/register/node-version.ts';

test.each([
  ['18.20.4', false],
  ['20.20.2', false],
  ['22.18.9', false],
  ['22.19.0', true],
  ['22.20.1', true],
  ['23.11.0', false],
  ['24.1.0', false],
  ['24.2.0', true],
  ['25.0.0-nightly', true],
  ['26.10.0', true],
])('Node %s is supported: %j', (version, expected) => {
  expect(isSupportedNode(version)).toBe(expected);
});

test('the range is the one of package.json', () => {
  const { engines } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));

  expect(SUPPORTED_NODE).toBe(engines.node);
});
