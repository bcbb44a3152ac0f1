import { accessSync, constants, existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { isSupportedNode } from '../../src/register/node-version.ts';

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, '.github/workflows');

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Job {
  readonly if?: string;
  readonly needs?: readonly string[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly node: readonly string[] } };
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const workflows = globSync('*.yml', { cwd: FOLDER }).map(
  name => parse(readFileSync(join(FOLDER, name), 'utf8')) as Workflow,
);
const jobs = workflows.flatMap(({ jobs }) => Object.values(jobs));
const steps = jobs.flatMap(({ steps }) => steps);
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

/** Fails if a command, a script or a path that it names does not exist. */
function check(command: string): void {
  const [program = '', ...args] = command.split(/\s+/);
  if (program === 'npm') {
    if (args[0] === 'run') expect(Object.keys(scripts)).toContain(args[1]);
    else expect(args).toEqual(['ci']);
  } else if (program === 'node') {
    for (const path of args.filter(arg => arg.includes('/')))
      expect([path, existsSync(join(ROOT, path))]).toEqual([path, true]);
  } else if (program !== 'git') {
    accessSync(join(ROOT, program), constants.X_OK);
  }
}

test('the commands of the workflow exist', () => {
  const commands = steps.flatMap(({ run }) => run?.trim().split('\n') ?? []);

  expect(commands).toEqual(expect.arrayContaining(['.ci/run', 'npm ci']));
  for (const command of commands) check(command.replace(/^sudo env "PATH=\$PATH" /, ''));
});

test('actions are pinned to a commit, because a tag can move', () => {
  const actions = steps.flatMap(({ uses }) => uses ?? []);

  expect(actions.length).toBeGreaterThan(0);
  expect(actions.filter(action => !/^actions\/[\w-]+@[\da-f]{40}$/.test(action))).toEqual([]);
});

test('only the job that publishes may sign and has a secret, and it runs for tags, after all others', () => {
  expect(workflows.map(({ permissions }) => permissions)).toEqual(workflows.map(() => ({ contents: 'read' })));
  for (const { jobs } of workflows) {
    const special = Object.entries(jobs).filter(
      ([, job]) => job.permissions !== undefined || JSON.stringify(job).includes('secrets.'),
    );
    expect(special.map(([name]) => name)).toEqual(['publish']);
    const { publish, ...others } = jobs;
    expect(publish).toMatchObject({
      if: "startsWith(github.ref, 'refs/tags/v')",
      permissions: { contents: 'read', 'id-token': 'write' },
    });
    expect(publish?.needs?.toSorted()).toEqual(Object.keys(others).sort());
    expect(publish?.steps.map(({ run }) => run)).toContain('npm run release -- --really --sbom connmeter.cdx.json');
  }
});

test('the matrix has supported versions of Node: the oldest and the newest of each line', () => {
  const versions = jobs.flatMap(({ strategy }) => strategy?.matrix.node ?? []);

  expect(versions).toEqual(['22.19.0', '22', '24.2.0', '24', '26']);
  expect(versions.filter(version => version.includes('.') && !isSupportedNode(version))).toEqual([]);
});
