// Counts the folders and files of src, and the imports between folders: `node scripts/structure.ts [folder]`.
// Exits with 1 if a folder imports something that it must not.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The folders of src from top to bottom, and what each may import: folders below it, and packages. `.` contains the entry points
 * and the code that connects the parts. Every folder may import modules of Node.
 */
export const FOLDERS: Readonly<Record<string, readonly string[]>> = {
  '.': [
    'testing',
    'register',
    'register/threads',
    'register/processes',
    'register/reports',
    'cli',
    'explain',
    'tracing',
    'client/sources',
    'client',
    'client/attribution',
    'server',
    'metrics',
    'core',
    '@opentelemetry/api',
  ],
  cli: ['register/processes', 'explain', 'core'],
  testing: ['explain', 'client', 'client/attribution', 'core'],
  register: [
    'explain',
    'register/processes',
    'metrics',
    'core',
    '@opentelemetry/api',
    '@opentelemetry/resources',
    '@opentelemetry/sdk-metrics',
  ],
  page: ['page/model', 'explain', 'client', 'metrics'],
  'page/model': ['explain', 'client', 'core', 'metrics'],
  'register/threads': ['register/processes', 'metrics', 'core', '@opentelemetry/api'],
  'register/processes': ['explain', 'metrics', 'core', '@opentelemetry/api'],
  'register/reports': ['explain', 'core'],
  explain: ['client', 'client/attribution', 'metrics', 'core', '@opentelemetry/api'],
  tracing: ['client', 'core', '@opentelemetry/api'],
  'client/sources': ['client', 'client/attribution', 'core'],
  client: ['client/attribution', 'metrics', 'core'],
  'client/attribution': ['core'],
  server: ['metrics', 'core', '@opentelemetry/api'],
  metrics: ['core', '@opentelemetry/api'],
  core: [],
};

export interface Import {
  readonly file: string;
  /** A file of src, a package, or a module of Node. */
  readonly from: string;
  readonly typesOnly: boolean;
}

/** The source files of a folder. Paths use `/` on every system. */
export function filesOf(root: string): string[] {
  return globSync('**/*.ts', { cwd: root }).map(path => path.replaceAll('\\', '/'));
}

/** The imports of one file, by statement or by call. */
export function importsOf(root: string, file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s(?:([^;'"]*?)\sfrom\s)?'([^']+)'/gm);
  const called = text.matchAll(/\b(?:import|require|getBuiltinModule)\(\s*['"`]([^'"`]+)/g);
  return [
    ...Array.from(statements, ([, what = '', from = '']) => ({
      file,
      from: inRoot(file, from),
      typesOnly: isTypes(what),
    })),
    ...Array.from(called, ([, from = '']) => ({ file, from: inRoot(file, from), typesOnly: false })),
  ];
}

/** The folder of src, or the package, that an import refers to. */
export function placeOf(from: string): string {
  return from.endsWith('.ts') ? dirname(from) : from;
}

/** The imports that the table of folders does not allow. */
export function forbidden(imports: readonly Import[]): Import[] {
  return imports.filter(({ file, from }) => {
    const [here, there] = [dirname(file), placeOf(from)];
    return here !== there && !there.startsWith('node:') && FOLDERS[here]?.includes(there) !== true;
  });
}

function inRoot(file: string, from: string): string {
  return from.startsWith('.') ? join(file, '..', from).replaceAll('\\', '/') : from;
}

/** `type X`, `type { X }` or `{ type X, type Y }`. */
function isTypes(what: string): boolean {
  const names = /^\{(.*)\}$/s.exec(what.trim())?.[1]?.split(',') ?? [what];
  return names.map(name => name.trim()).every(name => name === '' || /^type\s/.test(name));
}

function report(root: string): boolean {
  const files = filesOf(root);
  const imports = files.flatMap(file => importsOf(root, file)).filter(({ from }) => from.endsWith('.ts'));
  const between = imports.filter(({ file, from }) => dirname(file) !== dirname(from));
  const arrows = new Map<string, number>();
  for (const { file, from } of between) {
    const arrow = `${dirname(file)} -> ${dirname(from)}`;
    arrows.set(arrow, (arrows.get(arrow) ?? 0) + 1);
  }
  const lengths = files
    .map(file => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 }))
    .toSorted((a, b) => b.lines - a.lines);
  const all = lengths.reduce((sum, { lines }) => sum + lines, 0);

  console.log(`${new Set(files.map(file => dirname(file))).size} folders, ${files.length} files, ${all} lines`);
  const longest = lengths.slice(0, 5).map(({ file, lines }) => `${file} ${lines}`);
  console.log(`longest: ${longest.join(', ')}`);
  console.log(`${imports.length} imports, ${between.length} between folders, along ${arrows.size} arrows:`);
  for (const [arrow, count] of [...arrows].toSorted()) console.log(`  ${arrow}  ${count}`);
  const wrong = forbidden(imports);
  for (const { file, from } of wrong) console.log(`not allowed: ${file} -> ${from}`);
  return wrong.length === 0;
}

if (process.argv[1] === import.meta.filename) {
  process.exitCode = report(process.argv[2] ?? join(import.meta.dirname, '../src')) ? 0 : 1;
}
