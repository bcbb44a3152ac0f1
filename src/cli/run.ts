import { ownFile } from '../core/own-folder.ts';
import { intervalsOf } from '../explain/interval.ts';
import { merged } from '../explain/merge.ts';
import type { Overview } from '../explain/overview.ts';
import { reportLines } from '../explain/report-text.ts';
import type { RunCommand } from './arguments.ts';
import { failures } from './fail-on.ts';
import { hasColours, screenTable } from './screen.ts';

const { spawn } = process.getBuiltinModule('node:child_process');
const { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } = process.getBuiltinModule('node:fs');
const { constants, tmpdir } = process.getBuiltinModule('node:os');
const { join } = process.getBuiltinModule('node:path');
const { setTimeout: sleep } = process.getBuiltinModule('node:timers/promises');

/** How often the table is printed, in milliseconds. */
const INTERVAL = 5_000;
const SCRIPT = /\.[cm]?[jt]s$/;
/** Those that a terminal or a process manager sends. The program gets them, and decides. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
/** How long the report waits for children that the program has left, and how often it looks. In milliseconds. */
const PATIENCE = 2_000;
const PAUSE = 20;
const FAILED = 1;
const NOT_FOUND = 127;

/** Runs the program, prints a table while it runs and a report when it has ended. Returns its exit code. */
export async function run(command: RunCommand): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-run-'));
  try {
    const stopTable = command.plain || command.json || process.stderr.isTTY !== true ? () => {} : showTable(folder);
    const ended = await start(command, folder);
    stopTable();
    await othersHaveEnded(folder);
    const overview = readOverview(folder);
    if (command.json) process.stdout.write(`${JSON.stringify(overview)}\n`);
    else printReport(overview);
    const failed = failures(command.failOn, overview);
    for (const line of failed) console.error(`connmeter: --fail-on ${line}`);
    return ended === 0 && failed.length > 0 ? FAILED : ended;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves with the exit code: for a program that a signal has ended, as a shell has it. */
function start({ program, arguments: args, json }: RunCommand, folder: string): Promise<number> {
  const isScript = SCRIPT.test(program) && existsSync(program);
  const [file, all] = isScript ? [process.execPath, [program, ...args]] : [program, args];
  const { NODE_OPTIONS = '', OTEL_LOG_LEVEL = 'warn' } = process.env;
  const register = ownFile('register').href;
  const child = spawn(file, all, {
    stdio: ['inherit', json ? process.stderr : 'inherit', 'inherit'],
    env: {
      ...process.env,
      OTEL_LOG_LEVEL,
      CONNMETER_REPORT_FOLDER: folder,
      NODE_OPTIONS: `${NODE_OPTIONS} --import=${register}`.trim(),
    },
    shell: process.platform === 'win32' && !isScript, // npm is a .cmd file there
  });
  // A terminal sends a signal to both. From elsewhere only we get it.
  for (const signal of SIGNALS) process.on(signal, () => process.stdin.isTTY || child.kill(signal));
  return new Promise(resolve => {
    child.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      console.error(`connmeter: cannot run ${program}: ${code === 'ENOENT' ? 'it was not found' : message}`);
      resolve(NOT_FOUND);
    });
    child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

/** Workers and children may end a moment after the program, and then write what they know. Waits for them, but not for long. */
async function othersHaveEnded(folder: string): Promise<void> {
  for (let waited = 0; waited < PATIENCE && readdirSync(folder).some(isOfRunning); waited += PAUSE) await sleep(PAUSE);
}

/** Whether the process that writes the file is still there. */
function isOfRunning(file: string): boolean {
  try {
    return process.kill(Number.parseInt(file, 10), 0);
  } catch {
    return false;
  }
}

function showTable(folder: string): () => void {
  let before: Overview | undefined;
  let at = performance.now();
  const timer = setInterval(() => {
    const after = readOverview(folder);
    const now = performance.now();
    const rows = intervalsOf(before, after, (now - at) / 1_000);
    if (rows.some(({ state }) => state !== 'idle'))
      console.error(`\n${screenTable(rows, process.stderr, hasColours(process.stderr, false)).join('\n')}\n`);
    before = after;
    at = now;
  }, INTERVAL);
  return () => clearInterval(timer);
}

function printReport(overview: Overview): void {
  const rows = intervalsOf(undefined, overview, 1).filter(({ origin }) => origin.http);
  const [headline = '', ...others] = reportLines(overview);
  console.error(['', `connmeter: ${headline}`, ...others].join('\n'));
  if (rows.length > 0) console.error('');
}

/** What all processes have written. */
function readOverview(folder: string): Overview {
  const files = readdirSync(folder).filter(name => name.endsWith('.json'));
  return merged(files.map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Overview));
}
