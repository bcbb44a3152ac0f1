// Runs Node's own tests with and without connmeter, each in its own process: see docs/compat.md.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from '../support/build.ts';
import { type NodeResults, nodeSummary, worseIn } from './node-summary.ts';
import { flagsOf, isSlower, SUBJECTS, type TriedFile, testFiles, verdictOf } from './node-test-files.ts';
import { nodeOf, supportedNodes, unsupportedMessage } from './node-version.ts';
import { runSuite, type SuiteRun } from './run-suite.ts';
import { environmentOf, type Paths, type Variant } from './variants.ts';
import { isOpen } from './verdicts.ts';

const USAGE = `Runs Node's own tests with and without connmeter, and compares them file by file.

  npm run compat:node -- [options] <folder with test/parallel>

  --node <path>       the Node that runs them (default: the first on the PATH)
  --subjects <names>  how the names of the files begin (default: ${SUBJECTS.join(',')})
  --part <name>       the folder below test/ (default: parallel)
  --jobs <n>          files that run in parallel (default: 2)
  --timeout <s>       seconds that one file may take (default: 60)
  --keep <file>       write a line of JSON for each file to this file
`;
const project = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string' },
    subjects: { type: 'string', default: SUBJECTS.join(',') },
    part: { type: 'string', default: 'parallel' },
    jobs: { type: 'string', default: '2' },
    timeout: { type: 'string', default: '60' },
    keep: { type: 'string' },
  },
});
const [folder] = positionals;
if (folder === undefined || !(Number(values.jobs) >= 1) || !(Number(values.timeout) > 0)) {
  process.stderr.write(USAGE);
  process.exitCode = 64;
} else {
  process.exitCode = await compare(resolve(process.env['INIT_CWD'] ?? '.', folder));
}

async function compare(folder: string): Promise<number> {
  const place: Paths = {
    register: join(project, 'dist', 'register.js'),
    watcher: '',
    log: '',
    nodeFolder: values.node === undefined ? undefined : dirname(resolve(process.env['INIT_CWD'] ?? '.', values.node)),
    folder,
    project,
  };
  const node = nodeOf([], folder, environmentOf('plain', place, process.env, 'version')['PATH'] ?? '');
  const supported = supportedNodes(project);
  const refused =
    unsupportedMessage({ path: process.execPath, version: process.version }, supported) ??
    unsupportedMessage(node, supported);
  if (refused !== undefined) {
    process.stderr.write(`${refused}\n`);
    return 2;
  }
  build(project);
  if (!isLoaded('measured', place, node.path) || isLoaded('plain', place, node.path)) {
    process.stderr.write(
      'There is nothing to compare: connmeter did not load with --import, or it loads without it.\n',
    );
    return 2;
  }

  const files = join(folder, 'test', values.part);
  const names = testFiles(files, values.subjects.split(','));
  console.log(`Node ${node.version}: ${names.length} files of ${files}`);
  const tried: TriedFile[] = [];
  const waiting = names.values();
  const job = async (_: unknown, slot: number) => {
    const temporary = mkdtempSync(join(tmpdir(), 'connmeter-node-tests-'));
    process.once('exit', () => rmSync(temporary, { recursive: true, force: true })); // also after a signal
    for (const name of waiting) {
      const one = await tryOut(name, place, node.path, temporary, slot);
      tried.push(one);
      note(one);
    }
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, job));
  const told: NodeResults = { version: node.version, tried: tried.toSorted((a, b) => (a.name < b.name ? -1 : 1)) };
  console.log(nodeSummary(told));
  return worseIn(told).length > 0 ? 1 : 0;
}

/** Runs a file with and without connmeter, and repeats the runs if the results differ. */
async function tryOut(name: string, place: Paths, node: string, temporary: string, slot: number): Promise<TriedFile> {
  const files = join(place.folder, 'test', values.part);
  const words = [node, ...flagsOf(files, name), join(files, name)];
  const seconds = Number(values.timeout);
  const runs = { plain: [] as SuiteRun[], measured: [] as SuiteRun[], blank: [] as SuiteRun[] };
  let count = 0;
  const attempt = async (variant: 'plain' | 'measured' | 'blank') => {
    const mark = `${process.pid}-${slot}-${name}-${++count}`;
    // Node's tests write to the folder with this number in NODE_TEST_DIR.
    const own = { NODE_TEST_DIR: temporary, TEST_SERIAL_ID: String(slot) };
    const env = { ...environmentOf(variant, place, process.env, mark), ...own };
    runs[variant].push(await runSuite({ words, folder: place.folder, env, seconds, idleSeconds: seconds }));
  };

  const tried: TriedFile = { name, ...runs };
  await attempt('plain');
  await attempt('measured');
  while (runs.plain.length < 3 && (isOpen(verdictOf(tried), runs.plain.length) || isSlower(tried))) {
    await attempt('measured');
    await attempt('plain');
    if (runs.blank.length < 2) await attempt('blank');
  }
  return tried;
}

/** True if connmeter is active in a process of this variant; a comparison is meaningless otherwise. */
function isLoaded(variant: Variant, place: Paths, node: string): boolean {
  const program = `process.exit(require('diagnostics_channel').hasSubscribers('net.client.socket') ? 0 : 1)`;
  return spawnSync(node, ['-e', program], { env: environmentOf(variant, place, process.env, 'loaded') }).status === 0;
}

function note(tried: TriedFile): void {
  const { verdict } = verdictOf(tried);
  if (verdict !== 'passed' && verdict !== 'skipped') console.log(`${verdict.padEnd(12)} ${tried.name}`);
  if (values.keep === undefined) return;

  mkdirSync(dirname(resolve(values.keep)), { recursive: true });
  appendFileSync(values.keep, `${JSON.stringify({ verdict, ...tried })}\n`);
}
