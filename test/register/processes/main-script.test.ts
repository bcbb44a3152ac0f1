import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isLauncher, packageNameOf } from '../../../src/register/processes/main-script.ts';

/** The path of a script in a package with this name. */
function scriptOf(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-package-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name }));
  mkdirSync(join(folder, 'dist'));
  return join(folder, 'dist', 'cli.js');
}

test.each([
  ['npm', {}, true],
  ['tsx', {}, true],
  ['app', {}, false],
  ['pm2', {}, true],
  ['pm2', { pm_exec_path: '/app/main.js' }, false],
])('a script of the package %s, with %j, is a launcher: %j', (name, env, expected) => {
  expect(isLauncher(scriptOf(name), env)).toBe(expected);
});

test('a link to a script of a launcher is one, as in node_modules/.bin', () => {
  const link = join(mkdtempSync(join(tmpdir(), 'connmeter-bin-')), 'tsx');
  onTestFinished(() => rmSync(dirname(link), { recursive: true }));
  const script = scriptOf('tsx');
  writeFileSync(script, '');
  symlinkSync(script, link);

  expect(isLauncher(link, {})).toBe(true);
});

test('without a script, it is none', () => {
  expect(isLauncher(undefined, {})).toBe(false);
});

test('the package of a script is the next one above it', () => {
  const { name } = JSON.parse(readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8'));

  expect(packageNameOf(import.meta.filename)).toBe(name);
  expect(packageNameOf('/nowhere/at/all.js')).toBeUndefined();
});
