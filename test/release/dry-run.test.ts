import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT, run, said } from './said.ts';

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
