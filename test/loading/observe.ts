import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { packPackage } from '../package/install.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROGRAMS = fileURLToPath(new URL('./programs/', import.meta.url));

/** A package that does nothing, made like ours: an ES module that imports another. */
export const EMPTY_MODULE = 'nothing';

export const WAYS = ['--import', 'import', 'require'] as const;
export type Way = (typeof WAYS)[number];

/** Words of what a program saw, each with its subject; one that is there twice is there as a second one, too. */
export type Observed = ReadonlySet<string>;

export interface ObserveOptions {
  /** Modules of Node that the program loads by itself before it looks. */
  readonly modules?: readonly string[];
  /** The channels that it looks at. */
  readonly channels?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const folders: string[] = [];
afterAll(() => {
  for (const path of folders) rmSync(path, { recursive: true, force: true });
});

/** A folder in which `connmeter` is installed as it is published, `nothing` beside it, and programs that load these. */
export async function setUpFolder(entries: readonly string[]): Promise<string> {
  const path = mkdtempSync(join(tmpdir(), 'connmeter-loading-'));
  folders.push(path);
  const { tarball } = await packPackage();
  for (const name of ['connmeter', EMPTY_MODULE]) mkdirSync(join(path, 'node_modules', name), { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', join(path, 'node_modules/connmeter')]);
  symlinkSync(join(ROOT, 'node_modules/@opentelemetry'), join(path, 'node_modules/@opentelemetry'));
  const nothing = join(path, 'node_modules', EMPTY_MODULE);
  writeFileSync(join(nothing, 'package.json'), '{ "type": "module", "exports": "./index.js" }');
  writeFileSync(join(nothing, 'index.js'), "import './more.js';\n");
  writeFileSync(join(nothing, 'more.js'), 'export {};\n');
  cpSync(PROGRAMS, path, { recursive: true });
  for (const entry of [...entries, EMPTY_MODULE]) {
    writeFileSync(join(path, mainOf(entry, 'import')), `import '${entry}';\nimport './observe.cjs';\n`);
    writeFileSync(join(path, mainOf(entry, 'require')), `require('${entry}');\nrequire('./observe.cjs');\n`);
  }
  return path;
}

/** What a program in `folder` can observe after loading only this entry point in this way. */
export async function observeLoading(
  folder: string,
  entry: string,
  way: Way,
  looking: ObserveOptions = {},
): Promise<Observed> {
  return (await run(folder, entry, way, looking, [])).look;
}

/** Which Node getters run during loading, which functions are replaced, and which warnings are emitted. */
export async function observeSideEffects(
  folder: string,
  entry: string,
  way: Way,
  looking: ObserveOptions = {},
): Promise<Observed> {
  return (await run(folder, entry, way, looking, ['--no-warnings', '--require', './side-effects.cjs'])).witness;
}

async function run(
  folder: string,
  entry: string,
  way: Way,
  { modules = [], channels = [], env = {} }: ObserveOptions,
  before: readonly string[],
): Promise<{ look: Observed; witness: Observed }> {
  const main = way === '--import' ? [way, entry, 'observe.cjs'] : [mainOf(entry, way)];
  const child = spawn(process.execPath, [...before, ...main, modules.join(), channels.join()], {
    cwd: folder,
    env,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    timeout: 20_000,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, look, witness] = child.stdio.slice(1).map(stream => text(stream as Readable));
  const [code, signal] = await once(child, 'close');
  const said = { code, signal, stdout: await stdout, stderr: await stderr };
  if (code !== 0 || said.stdout !== '' || said.stderr !== '') throw new Error(JSON.stringify(said));
  return { look: words((await look) ?? ''), witness: words((await witness) || '[]') };
}

function mainOf(entry: string, way: 'import' | 'require'): string {
  return `${entry.replaceAll('/', '-')}.${way === 'import' ? 'mjs' : 'cjs'}`;
}

function words(json: string): Observed {
  const all = new Set<string>();
  for (const look of JSON.parse(json) as Record<string, (string | number)[]>[]) {
    for (const [subject, list] of Object.entries(look)) {
      const count = new Map<string | number, number>();
      for (const word of list) {
        const nth = (count.get(word) ?? 0) + 1;
        count.set(word, nth);
        all.add(`${subject}: ${word}${nth > 1 ? ` (${nth})` : ''}`);
      }
    }
  }
  return all;
}

/** Differences between two observations, in both directions. */
export function differences(ours: Observed, theirs: Observed): string[] {
  const more = [...ours].filter(word => !theirs.has(word)).map(word => `+ ${word}`);
  const fewer = [...theirs].filter(word => !ours.has(word)).map(word => `- ${word}`);
  return [...more, ...fewer].toSorted();
}
