// Changes one token of the code at a time, and checks that a test fails: npm run mutate -- [count] [seed]
// It works in a copy of the project. Exit code 1 if a mutant survives that `survivors.ts` does not explain.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutant, mutantsOf, randomFrom, sample } from './mutants.ts';
import { explanationOf } from './survivors.ts';
import { TARGETS } from './targets.ts';

const ROOT = join(import.meta.dirname, '../..');
const SECONDS = 120;

const [count = '0', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
const all = Object.keys(TARGETS).flatMap(file => mutantsOf(file, readFileSync(join(ROOT, file), 'utf8')));
const mutants = Number(count) > 0 ? sample(all, Number(count), randomFrom(Number(seed))) : all;
console.log(`${mutants.length} of ${all.length} mutants, seed ${seed}`);

const folders: string[] = [];
const left = [...mutants];
const survived: Mutant[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

await Promise.all(Array.from({ length: Math.max(1, Math.floor(availableParallelism() / 2)) }, work));

const unexplained = survived.filter(mutant => explanationOf(mutant) === undefined);
for (const mutant of survived)
  console.log(`survived  ${describe(mutant)}  ${explanationOf(mutant) ?? 'NOT EXPLAINED'}`);
console.log(
  `${mutants.length - survived.length} killed, ${survived.length} survived, ${unexplained.length} not explained`,
);
process.exitCode = unexplained.length > 0 ? 1 : 0;

async function work(): Promise<void> {
  const folder = copyOfProject();
  for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
    const path = join(folder, mutant.file);
    const original = readFileSync(path, 'utf8');
    writeFileSync(path, mutant.text);
    const isKilled = !(await testsPass(folder, TARGETS[mutant.file] ?? []));
    writeFileSync(path, original);
    if (!isKilled) survived.push(mutant);
    if (!isKilled) console.log(`survived  ${describe(mutant)}`);
  }
}

function copyOfProject(): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-mutants-'));
  folders.push(folder);
  const files = execFileSync(
    'git',
    ['ls-files', 'src', 'test', 'scripts', 'package.json', 'vitest.config.ts', 'tsconfig.json'],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  for (const file of files.trim().split('\n')) cpSync(join(ROOT, file), join(folder, file));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

function testsPass(folder: string, tests: readonly string[]): Promise<boolean> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--bail=1', '--maxWorkers=1', ...tests];
  return new Promise(resolve => {
    execFile(process.execPath, args, { cwd: folder, timeout: SECONDS * 1000 }, error => resolve(error === null));
  });
}

function describe({ file, line, from, to }: Mutant): string {
  return `${file}:${line}  ${from} -> ${to || '(nothing)'}`;
}
