import { globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { VERSION } from '../../src/version.ts';

const ROOT = join(import.meta.dirname, '../..');

/**
 * File -> all it may import, types included. Nothing may point to a file further down this list. An import of types
 * alone is marked: it is gone at run time.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  'version.ts': [],
  'options.ts': ['node:util'],
  'environment.ts': [],
  'origins.ts': [],
  'phases.ts': [],
  'guard.ts': [],
  'metrics-server.ts': ['node:http', 'type node:http'],
  'sdk.ts': [
    'node:module',
    '@opentelemetry/exporter-prometheus',
    'type @opentelemetry/exporter-prometheus',
    '@opentelemetry/resources',
    'type @opentelemetry/resources',
    '@opentelemetry/sdk-metrics',
    'type @opentelemetry/sdk-metrics',
  ],
  'recent.ts': [],
  'recorder.ts': ['type @opentelemetry/api'],
  'reasons.ts': ['type phases.ts'],
  'server-reasons.ts': ['reasons.ts'],
  'causes.ts': [],
  'ports.ts': [],
  'channels.ts': ['node:diagnostics_channel', 'type guard.ts'],
  'usage.ts': ['type @opentelemetry/api', 'type origins.ts'],
  'tally.ts': ['type causes.ts', 'type origins.ts', 'reasons.ts', 'usage.ts'],
  'listener-tally.ts': [
    'type @opentelemetry/api',
    'type origins.ts',
    'reasons.ts',
    'type server-reasons.ts',
    'usage.ts',
  ],
  'directory.ts': ['type origins.ts', 'reasons.ts'],
  'ledger.ts': [
    'type @opentelemetry/api',
    'directory.ts',
    'listener-tally.ts',
    'origins.ts',
    'type ports.ts',
    'reasons.ts',
    'tally.ts',
    'type usage.ts',
  ],
  'lookups.ts': ['type ledger.ts', 'reasons.ts', 'type recorder.ts'],
  'round-robin.ts': [],
  'ends.ts': ['type node:net'],
  'carrier.ts': ['type @opentelemetry/api', 'type recorder.ts', 'type round-robin.ts', 'type usage.ts'],
  'connection.ts': [
    'type node:net',
    'carrier.ts',
    'type causes.ts',
    'type origins.ts',
    'type phases.ts',
    'type reasons.ts',
    'type tally.ts',
  ],
  'open-requests.ts': ['type connection.ts'],
  'served-connection.ts': ['type node:net', 'carrier.ts', 'type listener-tally.ts', 'server-reasons.ts'],
  'servers.ts': [
    'type node:net',
    'type @opentelemetry/api',
    'carrier.ts',
    'ends.ts',
    'type ledger.ts',
    'type listener-tally.ts',
    'type origins.ts',
    'reasons.ts',
    'type recorder.ts',
    'round-robin.ts',
    'served-connection.ts',
  ],
  'turn.ts': ['type connection.ts', 'type origins.ts'],
  'pool.ts': ['type causes.ts', 'connection.ts', 'type reasons.ts'],
  'pools.ts': ['causes.ts', 'type connection.ts', 'type origins.ts', 'pool.ts'],
  'call-sites.ts': ['node:path', 'node:url', 'node:util', 'origins.ts'],
  'snapshot.ts': [
    'type call-sites.ts',
    'type causes.ts',
    'connection.ts',
    'type origins.ts',
    'phases.ts',
    'type reasons.ts',
    'type tally.ts',
    'type usage.ts',
  ],
  'accounts.ts': [
    'type call-sites.ts',
    'carrier.ts',
    'connection.ts',
    'type ledger.ts',
    'phases.ts',
    'type pools.ts',
    'reasons.ts',
    'recent.ts',
    'type recorder.ts',
    'snapshot.ts',
    'type tally.ts',
  ],
  'connections.ts': [
    'type node:net',
    'accounts.ts',
    'type call-sites.ts',
    'carrier.ts',
    'connection.ts',
    'ends.ts',
    'type ledger.ts',
    'type lookups.ts',
    'open-requests.ts',
    'origins.ts',
    'pools.ts',
    'reasons.ts',
    'type recorder.ts',
    'round-robin.ts',
    'snapshot.ts',
    'turn.ts',
    'type usage.ts',
  ],
  'sources/listeners.ts': ['node:events', 'type node:events', 'guard.ts'],
  'sources/handshake.ts': ['type node:tls', 'type carrier.ts'],
  'sources/dns.ts': ['node:perf_hooks', 'type node:perf_hooks', 'type guard.ts', 'type lookups.ts'],
  'sources/http.ts': [
    'type node:http',
    'type node:net',
    'type call-sites.ts',
    'type channels.ts',
    'type connection.ts',
    'type connections.ts',
    'type guard.ts',
    'origins.ts',
    'type reasons.ts',
    'sources/listeners.ts',
  ],
  'sources/http2.ts': [
    'type node:http2',
    'type node:net',
    'type channels.ts',
    'type connections.ts',
    'type guard.ts',
    'sources/listeners.ts',
  ],
  'sources/net.ts': [
    'type node:net',
    'type node:tls',
    'type channels.ts',
    'type connections.ts',
    'type guard.ts',
    'sources/handshake.ts',
    'sources/listeners.ts',
  ],
  'sources/undici.ts': [
    'type node:net',
    'type call-sites.ts',
    'type channels.ts',
    'type connection.ts',
    'type connections.ts',
    'origins.ts',
    'type reasons.ts',
  ],
  'sources/ports.ts': ['node:fs', 'guard.ts', 'ports.ts'],
  'sources/server.ts': [
    'type node:http',
    'type node:http2',
    'type node:net',
    'type node:tls',
    'type channels.ts',
    'type guard.ts',
    'type listener-tally.ts',
    'origins.ts',
    'type servers.ts',
    'sources/handshake.ts',
    'sources/listeners.ts',
  ],
  'instruments.ts': [
    'type @opentelemetry/api',
    'type ledger.ts',
    'type listener-tally.ts',
    'type recorder.ts',
    'type tally.ts',
    'type usage.ts',
  ],
  'instrumentation.ts': [
    'node:perf_hooks',
    '@opentelemetry/api',
    'call-sites.ts',
    'channels.ts',
    'connections.ts',
    'guard.ts',
    'instruments.ts',
    'ledger.ts',
    'lookups.ts',
    'options.ts',
    'servers.ts',
    'type snapshot.ts',
    'sources/dns.ts',
    'sources/http.ts',
    'sources/http2.ts',
    'sources/net.ts',
    'sources/ports.ts',
    'sources/server.ts',
    'sources/undici.ts',
    'version.ts',
  ],
  'index.ts': [
    'type call-sites.ts',
    'type causes.ts',
    'instrumentation.ts',
    'type options.ts',
    'type origins.ts',
    'type phases.ts',
    'type reasons.ts',
    'type snapshot.ts',
  ],
  'register.ts': [
    'node:fs',
    'node:worker_threads',
    '@opentelemetry/api',
    'type @opentelemetry/sdk-metrics',
    'environment.ts',
    'guard.ts',
    'instrumentation.ts',
    'metrics-server.ts',
    'origins.ts',
    'sdk.ts',
  ],
};

const files = globSync('**/*.ts', { cwd: join(ROOT, 'src') }).map(path => path.replaceAll('\\', '/'));

interface Import {
  readonly from: string;
  readonly typesOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, 'src', file), 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s(?:([^;'"]*?)\sfrom\s)?'([^']+)'/gm);
  const called = text.matchAll(/\b(?:import|require|getBuiltinModule)\(\s*['"`]([^'"`]+)/g);
  return [
    ...Array.from(statements, ([, what = '', from = '']) => ({ from: inSrc(file, from), typesOnly: isTypes(what) })),
    ...Array.from(called, ([, from = '']) => ({ from: inSrc(file, from), typesOnly: false })),
  ];
}

function inSrc(file: string, from: string): string {
  return from.startsWith('.') ? join(file, '..', from).replaceAll('\\', '/') : from;
}

/** `type X`, `type { X }` or `{ type X, type Y }`. */
function isTypes(what: string): boolean {
  const names = /^\{(.*)\}$/s.exec(what.trim())?.[1]?.split(',') ?? [what];
  return names.map(name => name.trim()).every(name => name === '' || /^type\s/.test(name));
}

test('the table has every file of src, and no other', () => {
  expect(Object.keys(ROOMS).sort()).toEqual(files.toSorted());
});

test.each(files)('%s imports what its room allows, and all of it', file => {
  const imported = importsOf(file).map(({ from, typesOnly }) => (typesOnly ? `type ${from}` : from));

  expect(imported.toSorted()).toEqual(ROOMS[file]?.toSorted());
});

test.each(files)('%s gets modules of Node by process.getBuiltinModule: an ESM import runs all their getters', file => {
  const text = readFileSync(join(ROOT, 'src', file), 'utf8');
  const statements = Array.from(text.matchAll(/^(?:import|export)\s(?:([^;'"]*?)\sfrom\s)?'([^']+)'/gm));

  expect(
    statements.filter(([, what = '', from = '']) => isBuiltin(from) && !isTypes(what)).map(([all]) => all),
  ).toEqual([]);
});

test('imports run one way: up the table', () => {
  const order = Object.keys(ROOMS);

  const backwards = files.flatMap(file =>
    importsOf(file)
      .filter(({ from }) => order.includes(from) && order.indexOf(from) >= order.indexOf(file))
      .map(({ from }) => `${file} -> ${from}`),
  );

  expect(backwards).toEqual([]);
});

test('the package without register needs @opentelemetry/api at run time, and nothing else that is not Node', () => {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file)) return;

    reached.add(file);
    if (file.endsWith('.ts')) for (const { from, typesOnly } of importsOf(file)) if (!typesOnly) visit(from);
  };

  visit('index.ts');

  expect([...reached].filter(name => !name.endsWith('.ts') && !name.startsWith('node:'))).toEqual([
    '@opentelemetry/api',
  ]);
});

test('the rooms of docs/design.md are the files of src', () => {
  const text = readFileSync(join(ROOT, 'docs/design.md'), 'utf8');
  const rows = Array.from(text.matchAll(/^\| `([\w./-]+\.ts)` \|/gm), ([, file = '']) => file);

  expect(rows.toSorted()).toEqual(files.toSorted());
});

test('the version is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

  expect(VERSION).toBe(version);
});
