import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { expect, test } from 'vitest';

const SOURCE = join(import.meta.dirname, '../../dashboards/source');

/** A file or folder of dashboards/source -> the files and folders that it may import, besides src/. Imports point up this table. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'durations.ts': [],
  'json.ts': [],
  'links.ts': [],
  'metric-names.ts': [],
  'thresholds.ts': [],
  'place.ts': [],
  'promql.ts': ['metric-names.ts', 'place.ts'],
  rules: ['durations.ts', 'links.ts', 'metric-names.ts', 'thresholds.ts'],
  'recorded-queries.ts': ['place.ts', 'promql.ts', 'rules'],
  grafana: ['links.ts', 'place.ts', 'thresholds.ts'],
  rows: ['grafana', 'links.ts', 'place.ts', 'promql.ts', 'recorded-queries.ts', 'rules', 'thresholds.ts'],
  'main-dashboard.ts': ['grafana', 'metric-names.ts', 'place.ts', 'promql.ts', 'rows'],
  'fleet-dashboard.ts': ['grafana', 'recorded-queries.ts', 'rows', 'rules'],
  'generated-files.ts': ['fleet-dashboard.ts', 'json.ts', 'main-dashboard.ts', 'rules'],
  'generate.ts': ['generated-files.ts', 'rules'],
};

const files = globSync('**/*.ts', { cwd: SOURCE }).map(file => file.replaceAll('\\', '/'));
const partOf = (file: string) => file.split('/')[0] as string;

test('every file and folder of dashboards/source is in the table', () => {
  expect([...new Set(files.map(partOf))].sort()).toEqual(Object.keys(ALLOWED).sort());
});

test('the table has no import that points down', () => {
  const parts = Object.keys(ALLOWED);

  parts.forEach((part, index) => {
    expect([part, ALLOWED[part]?.filter(name => parts.indexOf(name) >= index)]).toEqual([part, []]);
  });
});

test.each(files)('%s imports only what the table allows', file => {
  const imports = Array.from(readFileSync(join(SOURCE, file), 'utf8').matchAll(/from '(\.[^']+)'/g), ([, path = '']) =>
    posix.join(posix.dirname(file), path),
  );
  const parts = imports.filter(path => !path.startsWith('../../src/')).map(partOf);

  expect(parts.filter(part => part !== partOf(file) && !ALLOWED[partOf(file)]?.includes(part))).toEqual([]);
});
