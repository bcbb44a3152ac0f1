import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PACKED = [
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'rolldown.config.ts',
  'src',
  'README.md',
  'LICENSE',
  'CHANGELOG.md',
  // must not be in the package
  'test/support',
  'biome.json',
  '.npmrc',
];

/** Runs npm on the Node version of the test, because another version may install other packages. */
async function npm(cwd: string, ...args: string[]): Promise<string> {
  const { NODE_OPTIONS: _, PATH = '', ...env } = process.env;
  const { stdout } = await promisify(execFile)('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    env: { ...env, PATH: [dirname(process.execPath), PATH].join(delimiter) },
  });
  return stdout;
}

const folders: string[] = [];
// Registered here, because folders are created in a hook, where it is too late to register another one.
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

/** Creates a folder for the tests of one file. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'connmeter-package-'));
  folders.push(path);
  return path;
}

export interface Package {
  readonly tarball: string;
  /** Paths in the tarball. */
  readonly files: readonly string[];
}

/** Packs what would be published, built from a copy of the sources, so that an existing `dist` is not changed. */
export async function packPackage(): Promise<Package> {
  const copy = folder();
  for (const path of PACKED) {
    if (existsSync(join(ROOT, path))) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));

  const [{ filename, files }] = JSON.parse(await npm(copy, 'pack', '--json')) as [
    { filename: string; files: { path: string }[] },
  ];
  return { tarball: join(copy, filename), files: files.map(({ path }) => path) };
}

export interface Project {
  readonly path: string;
  /** Writes a file, and returns its path. */
  write(name: string, text: string): string;
  /** Installs more packages. */
  install(...packages: string[]): Promise<unknown>;
}

/** Creates an empty project and installs these packages, from the registry or a tarball. */
export async function installProject(...packages: string[]): Promise<Project> {
  const path = folder();
  const write = (name: string, text: string) => {
    writeFileSync(join(path, name), text);
    return join(path, name);
  };
  write('package.json', '{ "name": "user", "private": true }');
  const install = (...more: string[]) => npm(path, 'install', '--ignore-scripts', '--prefer-offline', ...more);
  await install(...packages);
  return { path, write, install };
}
