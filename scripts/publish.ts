// Packs the commit, checks that tarball, and publishes it to npm with provenance.
//
//   node scripts/publish.ts            the dry run: does everything except publish, and needs no login
//   node scripts/publish.ts --really   publishes, unless there is an obstacle
//   … --sbom <file>                    writes the packages that users install with connmeter, as CycloneDX
//
// Provenance is npm's signed statement of the commit and the build that a package comes from. Only a build service can get it: on
// GitHub, a job with `permissions: { id-token: write }` that the version's tag starts.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');

/** Everything that decides whether a version may be published. */
export interface State {
  readonly packageJson: {
    readonly version: string;
    readonly private?: boolean;
    readonly repository?: { readonly url?: string };
  };
  readonly changelog: string;
  /** The output of `git status --porcelain`: empty if everything is committed. */
  readonly changes: string;
  /** The tags of the commit. */
  readonly tags: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The obstacles to publishing, one line each. */
export function obstaclesOf({ packageJson, changelog, changes, tags, env }: State): string[] {
  const { version, repository } = packageJson;
  const home = /github\.com\/([^/]+\/[^/.]+)/.exec(repository?.url ?? '')?.[1];
  const obstacles: [boolean, string][] = [
    [packageJson.private === true, 'package.json is private'],
    [home === undefined, 'package.json names no repository on GitHub, which provenance requires'],
    [changes !== '', 'some changes are not committed'],
    [!tags.includes(`v${version}`), `the commit has no tag v${version}`],
    [!changelog.includes(`\n## [${version}] - `), `CHANGELOG.md has no section [${version}] with a date`],
    [!env['ACTIONS_ID_TOKEN_REQUEST_URL'], 'no build service can sign it: id-token: write is missing'],
    [
      home !== undefined && env['GITHUB_REPOSITORY'] !== undefined && env['GITHUB_REPOSITORY'] !== home,
      `this build belongs to ${env['GITHUB_REPOSITORY']}, package.json says ${home}`,
    ],
  ];
  return obstacles.filter(([isPresent]) => isPresent).map(([, line]) => line);
}

/** The npm tag of a version: pre-releases, which have a hyphen, are published as `next`. */
export function distTagOf(version: string): 'latest' | 'next' {
  return version.includes('-') ? 'next' : 'latest';
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' });
}

/** Runs a command and shows its output. Throws if it fails. */
function run(cwd: string, command: string, ...args: string[]): void {
  console.log(`\n$ ${command} ${args.join(' ')}`);
  const PATH = [join(ROOT, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter);
  execFileSync(command, args, { cwd, stdio: 'inherit', env: { ...process.env, PATH } });
}

/** Copies the commit into a folder of its own, so that the package contains no uncommitted or previously built file. */
function checkedOutTo(folder: string): string {
  const copy = join(folder, 'commit');
  mkdirSync(copy);
  const archive = execFileSync('git', ['archive', 'HEAD'], { cwd: ROOT, maxBuffer: Infinity });
  execFileSync('tar', ['-x'], { cwd: copy, input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/**
 * The bill of materials of a user who installs this tarball: CycloneDX, as JSON. Not that of our lockfile, whose development dependencies
 * pin other versions of the same packages.
 */
function billOfMaterials(folder: string, tarball: string): string {
  const user = join(folder, 'user');
  mkdirSync(user);
  writeFileSync(join(user, 'package.json'), '{ "name": "user", "version": "1.0.0", "private": true }');
  run(user, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', tarball);
  return execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application'], {
    cwd: user,
    encoding: 'utf8',
  });
}

function publish(really: boolean, sbom?: string): void {
  const packageJson = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const obstacles = obstaclesOf({
    packageJson,
    changelog: readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8'),
    changes: git('status', '--porcelain'),
    tags: git('tag', '--points-at', 'HEAD').split('\n'),
    env: process.env,
  });
  for (const line of obstacles) console.log(`${really ? 'Not published' : 'Would not be published'}: ${line}`);
  if (really && obstacles.length > 0) {
    process.exitCode = 1;
    return;
  }

  const folder = mkdtempSync(join(tmpdir(), 'connmeter-publish-'));
  try {
    const copy = checkedOutTo(folder);
    run(copy, 'npm', 'pack', '--pack-destination', folder);
    const tarball = join(folder, `${packageJson.name}-${packageJson.version}.tgz`);
    run(copy, 'publint', 'run', '--strict', tarball);
    run(copy, 'attw', tarball, '--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm');
    const bill = billOfMaterials(folder, tarball);
    const { components } = JSON.parse(bill) as { components: { 'bom-ref': string }[] };
    console.log(`Users install: ${components.map(component => component['bom-ref']).join(', ')}`);
    if (sbom !== undefined) writeFileSync(sbom, bill);
    run(copy, 'node', 'scripts/audit.ts', ...(really ? ['--strict'] : []));
    const how = ['--provenance', '--access', 'public', '--tag', distTagOf(packageJson.version)];
    run(copy, 'npm', 'publish', tarball, ...how, ...(really ? [] : ['--dry-run']));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { really: { type: 'boolean', default: false }, sbom: { type: 'string' } } });
  publish(values.really, values.sbom);
}
