import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, type TestContext, test } from 'vitest';
import type { Snapshot } from '../../src/index.ts';
import { startServer } from '../support/server.ts';

const folder = fileURLToPath(new URL('../support/programs/call-sites/', import.meta.url));

/** `file:line` of the comment HERE in a program. */
function line(file: string, what: string): string {
  const lines = readFileSync(`${folder}${file}`, 'utf8').split('\n');
  return `${file}:${lines.findIndex(each => each.includes(`HERE ${what}`)) + 1}`;
}

/** `context`: of the test, because tests run at the same time. */
async function snapshotOf(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  which: string,
  { option = 'on', flags = [] as string[] } = {},
): Promise<Snapshot> {
  const { port } = await startServer({ kind: 'http' }, onTestFinished);
  const args = ['--disable-warning=ExperimentalWarning', ...flags, `${folder}run.ts`, String(port), which, option];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
  return JSON.parse(stdout) as Snapshot;
}

test.for([
  ['fetch', 'body_held', 'wasteful.mjs', 'fetch'],
  ['http', 'body_held', 'wasteful.mjs', 'http'],
  ['all', 'pool_held', 'wasteful.mjs', 'all'],
  ['pool', 'new_pool', 'wasteful.mjs', 'pool'],
  ['cjs', 'new_pool', 'wasteful.cjs', 'pool'],
] as const)('%s: the line that does it is found', async ([which, problem, file, what], context) => {
  const { callSites } = await snapshotOf(context, which);

  expect(callSites).toMatchObject([{ problem, address: '127.0.0.1', site: line(file, what) }]);
});

test.concurrent('with source maps, a call site is the line in the TypeScript file', async context => {
  const { callSites } = await snapshotOf(context, 'typescript', { flags: ['--enable-source-maps'] });

  expect(callSites).toMatchObject([{ problem: 'body_held', site: expect.stringMatching(/pay\.ts:7$/) }]);
});

test.concurrent('no call site is reported when call sites are off', async context => {
  const { callSites, live } = await snapshotOf(context, 'fetch', { option: 'off' });

  expect(callSites).toEqual([]);
  expect(live.length).toBeGreaterThan(0);
});

test.concurrent('the snapshot describes the state and history of each connection', async context => {
  const { origins, live, closed } = await snapshotOf(context, 'fetch');

  expect(origins).toMatchObject([{ address: '127.0.0.1', http: true }]);
  expect(live[0]).toMatchObject({ address: '127.0.0.1', state: 'active', requests: 1, cause: 'first' });
  expect(live[0]?.heldFor).toBeGreaterThan(0.5);
  expect(closed).toEqual([]);
});
