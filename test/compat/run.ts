// Runs another library's tests with and without connmeter, and compares them test by test: see docs/compat.md.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from '../support/build.ts';
import { type Command, withReporter } from './commands.ts';
import { nodeOf, supportedNodes, unsupportedMessage } from './node-version.ts';
import { type CompatOptions, parseOptions, USAGE } from './options.ts';
import { type ReadResults, readResults } from './reports/read-results.ts';
import { runSuite, type SuiteRun } from './run-suite.ts';
import { exitCode, summary } from './summary.ts';
import { environmentOf, type Paths, type Variant } from './variants.ts';
import { isOpen, judge } from './verdicts.ts';
import { warningsOnlyWith } from './warnings.ts';
import { readWatcherLog } from './watcher-log.ts';

const project = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

interface Tried extends ReadResults {
  readonly run: SuiteRun;
}

const wanted = parseOptions(process.argv.slice(2));
if (wanted === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 64;
} else {
  process.exitCode = await compare(wanted);
}

async function compare(wanted: CompatOptions): Promise<number> {
  const supported = supportedNodes(project);
  const own = unsupportedMessage({ path: process.execPath, version: process.version }, supported);
  if (own !== undefined) return refuse(own);

  // npm runs its scripts in the project folder; INIT_CWD is where it was called.
  const folder = resolve(process.env['INIT_CWD'] ?? '.', wanted.folder);
  const notes = mkdtempSync(join(tmpdir(), 'connmeter-compat-'));
  const place: Paths = {
    register: join(project, 'dist', 'register.js'),
    watcher: join(project, 'test', 'compat', 'watcher.mjs'),
    log: join(notes, 'watched.jsonl'),
    nodeFolder: wanted.node === undefined ? undefined : dirname(resolve(wanted.node)),
    folder,
    project,
  };
  process.once('exit', () => rmSync(notes, { recursive: true, force: true })); // also after a signal

  // The suite may run on another version of Node.
  const node = nodeOf(wanted.words, folder, environmentOf('plain', place, process.env, 'version')['PATH'] ?? '');
  const theirs = unsupportedMessage(node, supported);
  if (theirs !== undefined) return refuse(theirs);
  build(project);
  return inRounds(wanted, place, notes, node.version);
}

/** On an unsupported version of Node, every failure would be attributed to connmeter. */
function refuse(why: string): number {
  process.stderr.write(`${why}\n`);
  return 2;
}

async function inRounds(wanted: CompatOptions, place: Paths, notes: string, version: string): Promise<number> {
  const { folder } = place;
  const file = wanted.junit === undefined ? join(notes, 'report') : resolve(folder, wanted.junit);
  let command: Command = wanted.asIs
    ? { words: wanted.words, runner: undefined, toFile: false }
    : withReporter(wanted.words, scriptsOf(folder), file);
  console.log(`Node ${version}, ${command.runner ?? 'an unknown runner'}: ${command.words.join(' ')}`);

  let count = 0;
  const attempt = async (arm: Variant): Promise<Tried> => {
    if (command.toFile || wanted.junit !== undefined) rmSync(file, { force: true });
    const mark = `${process.pid}-${++count}`;
    const env = environmentOf(arm, place, process.env, mark);
    const ended = await runSuite({
      words: command.words,
      folder,
      env,
      seconds: wanted.timeout,
      idleSeconds: wanted.idle,
    });
    const told = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    const ok = ended.code === 0 && !ended.timedOut;
    const tried = { run: ended, ...readResults({ ...ended, file: told, ok }, folder) };
    keep(wanted.keep, `${count}-${arm}`, ended);
    const end = ended.timedOut ? 'timed out' : `ended with ${ended.signal ?? ended.code}`;
    console.log(
      `${arm.padEnd(9)} ${end} after ${ended.seconds.toFixed(1)} s, ${tried.tests} tests, read from ${tried.how}`,
    );
    return tried;
  };

  let first = await attempt('plain');
  if (first.tests === 0 && command.words !== wanted.words) {
    console.log('The runner did not accept the added arguments. Running the command without them.');
    command = { words: wanted.words, runner: command.runner, toFile: false };
    first = await attempt('plain');
  }
  const plain = [first];
  const measured = [await attempt('measured')];
  const blank: Tried[] = [];
  const judged = () => judge(reports(plain), reports(measured), reports(blank));
  while (plain.length < wanted.rounds && judged().some(test => isOpen(test, plain.length))) {
    // Variants take turns in changing order, so that warm-up effects do not affect only one of them.
    if (plain.length % 2 === 1) measured.push(await attempt('measured'));
    plain.push(await attempt('plain'));
    if (plain.length % 2 === 1) measured.push(await attempt('measured'));
    if (blank.length < 2) blank.push(await attempt('blank'));
  }
  const tests = judged();

  const worseWatched: string[] = [];
  if (wanted.watch) {
    const good = new Set(tests.filter(({ verdict }) => verdict === 'passed').map(({ name }) => name));
    const bad = async () => {
      const report = (await attempt('watched')).report;
      const passing = judge([...reports(plain)], [report], []).filter(
        ({ name, measured: { bad } }) => bad > 0 && good.has(name),
      );
      return passing.map(({ name }) => name);
    };
    let names = await bad();
    for (let again = 0; again < 2 && names.length > 0; again++) {
      const others = new Set(await bad());
      names = names.filter(name => others.has(name));
    }
    worseWatched.push(...names);
  }

  const found = {
    how: first.how,
    tests,
    plain: plain.map(tried => tried.run),
    measured: measured.map(tried => tried.run),
    warnings: warningsOnlyWith(
      plain.map(tried => tried.run.stderr),
      measured.map(tried => tried.run.stderr),
    ),
    worseWatched,
    watched: wanted.watch ? readWatcherLog(place.log) : undefined,
  };
  console.log(summary(found));
  return exitCode(found);
}

function reports(tried: readonly Tried[]) {
  return tried.map(({ report }) => report);
}

function scriptsOf(folder: string): Record<string, string> {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return {};
  return (JSON.parse(readFileSync(path, 'utf8')) as { scripts?: Record<string, string> }).scripts ?? {};
}

function keep(folder: string | undefined, name: string, { stdout, stderr }: SuiteRun): void {
  if (folder === undefined) return;

  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.stdout`), stdout);
  writeFileSync(join(folder, `${name}.stderr`), stderr);
}
