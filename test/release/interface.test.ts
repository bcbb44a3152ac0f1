import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { OPEN_CAUSES } from '../../src/core/causes.ts';
import { EXPECTED_FAILURES } from '../../src/core/errors.ts';
import { CLOSE_REASONS, SERVER_CLOSE_REASONS } from '../../src/core/reasons.ts';
import { BOUNDARIES } from '../../src/metrics/histograms.ts';
import { METRICS } from '../../src/metrics/table.ts';
import { checkedOptions } from '../../src/options.ts';
import { readEnvironment } from '../../src/register/environment.ts';
import { checkedLimits } from '../../src/testing/limits.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The labels of a metric in docs/metrics.md; another test compares them with a scrape. */
function labelsOf(metric: string): string {
  const [, rest = ''] = read('docs/metrics.md').split(`\n## \`${metric}\`\n`);
  const [section = ''] = rest.split('\n## ');
  return /^\| Attributes \| (.*) \|$/m.exec(section)?.[1]?.replaceAll('`', '') || 'none';
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly record?: string; readonly alert?: string }[] }[];
}

/** The types that an entry point exports. */
function typesOf(file: string): string[] {
  return Array.from(
    read(file).matchAll(/export (?:type \{([^}]*)\}|interface (\w+))/g),
    ([, names = '', name = names]) => name.split(',').map(each => each.trim()),
  )
    .flat()
    .toSorted();
}

/** The public interface, one item per line. docs/versioning.md explains what a change of each kind means. */
async function everythingPublic(): Promise<string[]> {
  const { exports, engines, peerDependencies } = JSON.parse(read('package.json'));
  const rules = (parse(read('dashboards/rules/connmeter.yaml')) as Rules).groups.flatMap(group => group.rules);
  const named = (kind: string, names: readonly (string | undefined)[]) =>
    names.filter(name => name !== undefined).map(name => `${kind} ${name}`);
  return [
    `node ${engines.node}`,
    ...Object.entries(peerDependencies).map(([name, range]) => `peer ${name} ${range}`),
    ...named('entry', Object.keys(exports)),
    ...named('export', Object.keys(await import('../../src/index.ts'))),
    ...named('type', typesOf('src/index.ts')),
    ...named('testing export', Object.keys(await import('../../src/testing.ts'))),
    ...named('testing type', typesOf('src/testing.ts')),
    ...named(
      'limit',
      Object.entries(checkedLimits({})).map(([name, value]) => `${name} = ${value ?? 'unset'}`),
    ),
    ...Object.entries(checkedOptions({})).map(([name, value]) => `option ${name} = ${value ?? 'unset'}`),
    ...Object.entries(readEnvironment({}))
      .filter(([name]) => name !== 'warnings')
      .map(([name, value]) => `setting ${name} = ${value ?? 'unset'}`),
    ...METRICS.map(metric => {
      const buckets = metric.kind === 'histogram' ? ` [${BOUNDARIES[metric.name].join(' ')}]` : '';
      return `metric ${metric.name} ${metric.kind} ${metric.unit}${buckets} by ${labelsOf(metric.name)}`;
    }),
    ...named('cause', OPEN_CAUSES),
    ...named('reason', CLOSE_REASONS),
    ...named('served', SERVER_CLOSE_REASONS),
    ...named('phase', Object.keys(EXPECTED_FAILURES)),
    ...named(
      'record',
      rules.map(({ record }) => record),
    ),
    ...named(
      'alert',
      rules.map(({ alert }) => alert),
    ),
    ...globSync('dashboards/*.json', { cwd: ROOT })
      .toSorted()
      .map(path => `dashboard ${JSON.parse(read(path)).uid}`),
  ];
}

// A failure means that the public interface has changed. Look up the next version number in docs/versioning.md, describe
// the change in the changelog, and update the list with `npx vitest run test/release/interface.test.ts -u`.
test('the public interface has not changed since the last version', async () => {
  const lines = await everythingPublic();

  expect(lines.filter(line => line.endsWith('undefined'))).toEqual([]);
  expect(lines.length).toBeGreaterThan(60);
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('interface.txt');
});
