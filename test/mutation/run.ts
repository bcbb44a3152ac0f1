// Changes one token of the code at a time, and checks that a test fails: npm run mutate -- [count] [seed]
// It works in copies of the project, one per processor. Exit code 1 if a mutant survives that `survivors.ts` does not explain.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Mutant, mutantsOf, randomFrom, sample } from './mutants.ts';
import { explanationOf } from './survivors.ts';
import { FILES, TESTS } from './targets.ts';

const ROOT = join(import.meta.dirname, '../..');
const SECONDS = 120;

const [count = '0', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
if (!/^\d+$/.test(count) || !/^\d+$/.test(seed)) {
  console.error(`Usage: npm run mutate -- [count] [seed], two whole numbers; got ${count} ${seed}`);
  process.exit(2);
}
const all = FILES.flatMap(file => mutantsOf(file, readFileSync(join(ROOT, file), 'utf8')));
const mutants = Number(count) > 0 ? sample(all, Number(count), randomFrom(Number(seed))) : all;
console.log(`${mutants.length} of ${all.length} mutants, seed ${seed}`);

const folders: string[] = [];
const left = [...mutants];
const survived: Mutant[] = [];
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

const copies = Array.from({ length: availableParallelism() }, copyOfProject);
if (copies[0] === undefined || !(await testsPass(copies[0]))) throw new Error('The tests fail without a mutant');
await Promise.all(copies.map(work));

const unexplained = survived.filter(mutant => explanationOf(mutant) === undefined);
for (const mutant of survived)
  console.log(`survived  ${describe(mutant)}  ${explanationOf(mutant) ?? 'NOT EXPLAINED'}`);
console.log(
  `${mutants.length - survived.length} killed, ${survived.length} survived, ${unexplained.length} not explained`,
);
process.exitCode = unexplained.length > 0 ? 1 : 0;

async function work(folder: string): Promise<void> {
  for (let mutant = left.shift(); mutant !== undefined; mutant = left.shift()) {
    const path = join(folder, mutant.file);
    const original = readFileSync(path, 'utf8');
    writeFileSync(path, mutant.text);
    const isKilled = !(await testsPass(folder));
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
    ['ls-files', '--cached', '--others', '--exclude-standard', 'src', 'test', 'package.json', 'tsconfig.json'],
    { cwd: ROOT, encoding: 'utf8' },
  );
  for (const file of files.trim().split('\n')) cpSync(join(ROOT, file), join(folder, file));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

function testsPass(folder: string): Promise<boolean> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const config = join(folder, 'test/mutation/vitest.config.ts');
  const args = [vitest, 'run', '--root', folder, '--config', config, ...TESTS];
  return new Promise(resolve => {
    execFile(process.execPath, args, { cwd: folder, timeout: SECONDS * 1000 }, error => resolve(error === null));
  });
}

function describe({ file, line, from, to }: Mutant): string {
  return `${file}:${line}  ${from} -> ${to || '(nothing)'}`;
}
