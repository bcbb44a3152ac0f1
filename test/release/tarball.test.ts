import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { distTagOf, obstaclesOf, type State } from '../../scripts/publish.ts';
import { packPackage } from '../package/install.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

let tarball = '';
beforeAll(async () => {
  ({ tarball } = await packPackage());
}, 180_000);

/** Exit code and output of a command. */
async function said(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env, cwd = ROOT) {
  const PATH = [join(ROOT, 'node_modules/.bin'), dirname(process.execPath), env['PATH']].join(delimiter);
  const { code, stdout, stderr } = await run(command, args, { cwd, env: { ...env, PATH } }).then(
    outcome => ({ code: 0, ...outcome }),
    error => error as { code: number; stdout: string; stderr: string },
  );
  return { code, text: stdout + stderr };
}

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

test('the dry run does everything except publishing, without a login', async () => {
  // Commits the working tree, so that the committed state is packed.
  const copy = mkdtempSync(join(tmpdir(), 'connmeter-release-'));
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  for (const path of [
    ...['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'rolldown.config.ts', '.npmrc'],
    ...['src', 'scripts', 'README.md', 'LICENSE', 'CHANGELOG.md'],
  ]) {
    cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  }
  const us = ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false'];
  await run('git', ['init', '--quiet'], { cwd: copy });
  await run('git', ['add', '--all'], { cwd: copy });
  await run('git', [...us, 'commit', '--quiet', '--message', 'all'], { cwd: copy });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const { NODE_OPTIONS: _, ...env } = process.env;
  const loggedOut = { ...env, npm_config_userconfig: join(copy, 'no-such-file') };

  const { code, text } = await said(process.execPath, ['scripts/publish.ts', '--sbom', 'bill.json'], loggedOut, copy);

  const { version } = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8'));
  expect(text).toContain(`Would not be published: the commit has no tag v${version}`);
  expect(text).toContain(`+ connmeter@${version}`);
  expect(text).toMatch(
    new RegExp(
      `^Users install: (?=.*connmeter@${version})(?=.*@opentelemetry/api@)(?=.*@opentelemetry/semantic-conventions@).*$`,
      'm',
    ),
  );
  expect(JSON.parse(readFileSync(join(copy, 'bill.json'), 'utf8'))).toMatchObject({ bomFormat: 'CycloneDX' });
  expect(text).toMatch(/--provenance --access public --tag \w+ --dry-run/);
  expect(code).toBe(0);

  const really = await said(process.execPath, ['scripts/publish.ts', '--really'], loggedOut, copy);

  expect(really.code).toBe(1);
  expect(really.text).toContain(`Not published: the commit has no tag v${version}`);
  expect(really.text).not.toContain('$ npm'); // npm was not started
}, 300_000);

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
