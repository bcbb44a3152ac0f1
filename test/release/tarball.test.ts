import { beforeAll, expect, test } from 'vitest';
import { distTagOf, obstaclesOf, type State } from '../../scripts/publish.ts';
import { packPackage } from '../package/install.ts';
import { said } from './said.ts';

let tarball = '';
beforeAll(async () => {
  ({ tarball } = await packPackage());
}, 180_000);

test('publint reports nothing about the tarball, not even a suggestion', async () => {
  expect(await said('publint', ['run', '--strict', tarball])).toMatchObject({
    code: 0,
    text: expect.stringContaining('All good!'),
  });
});

// Node 10 resolution is ignored, because no supported version uses it. CommonJS gets an ES module, which every supported
// version can `require`; test/package/package.test.ts does so.
test('attw finds no wrong types for ES modules, CommonJS and bundlers', async () => {
  const { code, text } = await said('attw', [tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm']);

  expect({ code, text }).toEqual({
    code: 0,
    text: expect.stringMatching(/"connmeter\/register".*"connmeter\/testing"/s),
  });
}, 180_000);

const READY: State = {
  packageJson: { version: '1.2.3', repository: { url: 'git+https://github.com/connmeter/connmeter.git' } },
  changelog: '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2027-01-02\n',
  changes: '',
  tags: ['v1.2.3', ''],
  env: { GITHUB_REPOSITORY: 'connmeter/connmeter', ACTIONS_ID_TOKEN_REQUEST_URL: 'https://a.test' },
};

test('a version can be published if it is committed, tagged, in the changelog, and built in CI', () => {
  expect(obstaclesOf(READY)).toEqual([]);
});

test.each<[string, Partial<State>]>([
  ['is private', { packageJson: { ...READY.packageJson, private: true } }],
  ['names no repository', { packageJson: { version: '1.2.3' } }],
  ['not committed', { changes: ' M src/index.ts\n' }],
  ['no tag v1.2.3', { tags: ['v1.2.2'] }],
  ['no section [1.2.3]', { changelog: '# Changelog\n\n## [Unreleased]\n' }],
  ['id-token: write is missing', { env: {} }],
  ['this build belongs to mallory/connmeter', { env: { ...READY.env, GITHUB_REPOSITORY: 'mallory/connmeter' } }],
])('%s: an obstacle', (line, state) => {
  expect(obstaclesOf({ ...READY, ...state })).toEqual([expect.stringContaining(line)]);
});

test('a prerelease is published under its own dist-tag', () => {
  expect(['1.2.3', '2.0.0-rc.1'].map(distTagOf)).toEqual(['latest', 'next']);
});
