import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { FOLDERS, filesOf, forbidden, importsOf, placeOf } from '../../scripts/structure.ts';
import { VERSION } from '../../src/version.ts';

const ROOT = join(import.meta.dirname, '../..');
const SRC = join(ROOT, 'src');
const files = filesOf(SRC);
const imports = files.flatMap(file => importsOf(SRC, file));

test('every file of src is in a folder of the table, and every folder has files', () => {
  expect([...new Set(files.map(file => dirname(file)))].sort()).toEqual(Object.keys(FOLDERS).sort());
});

test('a folder imports only from the folders and packages that the table allows', () => {
  expect(forbidden(imports).map(({ file, from }) => `${file} -> ${from}`)).toEqual([]);
});

test('every import of the table is used and points down', () => {
  const order = Object.keys(FOLDERS);
  for (const [here, allowed] of Object.entries(FOLDERS)) {
    const used = new Set(imports.filter(({ file }) => dirname(file) === here).map(({ from }) => placeOf(from)));
    expect([here, allowed.filter(there => !used.has(there))]).toEqual([here, []]);
    expect([
      here,
      allowed.filter(there => order.includes(there) && order.indexOf(there) <= order.indexOf(here)),
    ]).toEqual([here, []]);
  }
  expect(order.indexOf('client')).toBeLessThan(order.indexOf('server'));
  expect(FOLDERS['server']).not.toContain('client');
});

test.each(files)(
  '%s loads Node modules with process.getBuiltinModule, because an ESM import runs all their getters',
  file => {
    const text = readFileSync(join(SRC, file), 'utf8');
    const statements = Array.from(text.matchAll(/^(?:import|export)\s([^;'"]*?)\sfrom\s'([^']+)'/gm));

    expect(
      statements.filter(([all, , from = '']) => isBuiltin(from) && !/^import type/.test(all)).map(([all]) => all),
    ).toEqual([]);
  },
);

/** Names that only a few files may use. */
test.each([
  ['node:diagnostics_channel', ['core/channels.ts']],
  ['node:perf_hooks', ['instrumentation.ts', 'metrics/lookup-observer.ts']],
  ['node:worker_threads', ['register.ts', 'register/threads/worker-data.ts']],
  ['@opentelemetry/api', ['index.ts', 'register/sdk.ts']],
] as const)('%s is used at run time by %j alone', (name, users) => {
  const found = imports.filter(({ from, typesOnly }) => from === name && !typesOnly).map(({ file }) => file);

  expect([...new Set(found)].sort()).toEqual(users);
});

test.each([
  ['index.ts', ['@opentelemetry/api']],
  ['testing.ts', []],
  ['register.ts', ['@opentelemetry/api', '@opentelemetry/resources', '@opentelemetry/sdk-metrics']],
])('%s needs %j and Node at run time, and no other package', (entry, packages) => {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file)) return;

    reached.add(file);
    if (file.endsWith('.ts')) for (const { from, typesOnly } of importsOf(SRC, file)) if (!typesOnly) visit(from);
  };

  visit(entry);

  expect([...reached].filter(name => !name.endsWith('.ts') && !name.startsWith('node:')).sort()).toEqual(packages);
});

test('the page runs in a browser: from other folders it imports only types, and nothing of Node', () => {
  const ofPage = imports.filter(({ file }) => file.startsWith('page/'));
  const others = ofPage.filter(({ from, typesOnly }) => !from.startsWith('page/') && !typesOnly);

  expect(ofPage.length).toBeGreaterThan(0);
  expect(others.map(({ file, from }) => `${file} -> ${from}`)).toEqual([]);
});

test('docs/design.md lists the files of src', () => {
  const text = readFileSync(join(ROOT, 'docs/design.md'), 'utf8');
  const rows = Array.from(text.matchAll(/^\| `([\w./-]+\.ts)` \|/gm), ([, file = '']) => file);

  expect(rows.toSorted()).toEqual(files.toSorted());
});

test('the version is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

  expect(VERSION).toBe(version);
});
