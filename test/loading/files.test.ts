import { beforeAll, expect, test } from 'vitest';
import { start } from '../support/child.ts';
import { setUpFolder } from './observe.ts';

let folder: string;
beforeAll(async () => {
  folder = await setUpFolder([]);
}, 180_000);

/** Which files of packages a program loads, whose main thread starts a worker thread. */
async function loaded(env: Record<string, string> = {}): Promise<string[]> {
  const node = ['--require', './count-files.cjs', '--import', 'connmeter/register'];
  const { outcome } = start(`${folder}/with-thread.mjs`, { cwd: folder, node, env: { ...ANY_PORT, ...env } });
  const { code, stdout, stderr } = await outcome;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.trim().split('\n').sort();
}

const ANY_PORT = { OTEL_EXPORTER_PROMETHEUS_PORT: '0' };
const files = (...names: string[]) => names.map(name => `connmeter/dist/${name}.js`).join(' ');

// The time to start is mostly the number of files: each is looked for, read, compiled and linked.
test('connmeter/register loads few files, and no package', async () => {
  expect(await loaded()).toEqual([
    `main: ${files('register', 'start', 'shared', 'shared-register', 'shared-processes')}`,
    `worker: ${files('register', 'start-in-thread', 'shared-register', 'shared')}`,
  ]);
});

test.each(['true', ' TRUE '])('with OTEL_SDK_DISABLED=%j, it loads one file', async disabled => {
  expect(await loaded({ OTEL_SDK_DISABLED: disabled })).toEqual([
    `main: ${files('register')}`,
    `worker: ${files('register')}`,
  ]);
});
