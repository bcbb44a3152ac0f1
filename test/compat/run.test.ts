import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/until.ts';
import { supportedNodes } from './node-version.ts';

const RANGE = supportedNodes(fileURLToPath(new URL('../..', import.meta.url)));
const RUN = fileURLToPath(new URL('./run.ts', import.meta.url));
const IMPORTS = `
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { hasSubscribers } from 'node:diagnostics_channel';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import test from 'node:test';
`;

/** Creates a library with these tests, in a folder that is deleted after the test. */
function suite(tests: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-suite-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'a.test.mjs'), IMPORTS + tests);
  return folder;
}

const CONNECTS = `
test('connects', (_, done) => {
  const server = net.createServer(socket => socket.end()).listen(0, '127.0.0.1', () => {
    net.connect(server.address().port, '127.0.0.1').resume().on('close', () => server.close(done));
  });
});
`;

interface Compared {
  readonly code: number;
  readonly said: string;
}

/** A fake Node with an unsupported version: it prints its version, and fails at anything else. */
function oldNode(): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-node-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'node');
  writeFileSync(path, `#!/bin/sh\ntest "$1" = -p && printf '%s\\n%s\\n' "$0" v20.20.2\n`, { mode: 0o755 });
  return path;
}

async function compare(folder: string, ...args: string[]): Promise<Compared> {
  return compareAs(process.version, folder, ...args);
}

/** Runs the comparison as if on this version of Node. */
async function compareAs(version: string, folder: string, ...args: string[]): Promise<Compared> {
  const [options, command] = [args.slice(0, -1), args.at(-1) as string];
  return new Promise(resolve => {
    const argv = [
      '--disable-warning=ExperimentalWarning',
      `--import=data:text/javascript,Object.defineProperty(process, 'version', { value: '${version}' })`,
      RUN,
      '--node',
      process.execPath,
      ...options,
      folder,
      command,
    ];
    const child = execFile(process.execPath, argv, { env: { ...process.env, NODE_OPTIONS: '' } }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, said: stdout + stderr }),
    );
    onTestFinished(() => void child.kill());
  });
}

/** The names below a heading of the summary. */
function under(heading: string, said: string): string[] {
  const lines = said.split('\n');
  const at = lines.findIndex(line => line.startsWith(`${heading} (`));
  if (at === -1) return [];
  const rest = lines.slice(at + 1);
  const end = rest.findIndex(line => !line.startsWith('  '));
  return rest.slice(0, end === -1 ? undefined : end).map(line => line.trim().replace(/ +\[failed.*$/, ''));
}

test('a suite with the same results is reported, with what connmeter measured', {
  timeout: 120_000,
}, async () => {
  const folder = suite(`${CONNECTS} test('fails always', () => assert.fail());`);

  const { code, said } = await compare(folder, 'node --test');

  expect(said).toMatch(/passed both +1\n +failed both +1\n +skipped both +0\n +differ +0\n +flaky +0\n/);
  expect(said).toMatch(/saw 1 connections and 0 requests/);
  expect(under('fail without connmeter too', said)).toEqual(['fails always', '(the command itself)']);
  expect(code).toBe(0);
});

test('a test that fails only with connmeter is listed as broken, and a flaky one as flaky', {
  timeout: 240_000,
}, async () => {
  const folder = suite(`${CONNECTS}
    test('must be alone', () => assert(!hasSubscribers('net.client.socket')));
    test('every third time', () => {
      const runs = existsSync('runs') ? Number(readFileSync('runs', 'utf8')) + 1 : 1;
      writeFileSync('runs', String(runs));
      assert(runs % 3 !== 0);
    });
    test('no preload', () => assert(!/import=/.test(process.env.NODE_OPTIONS ?? '')));`);

  const { code, said } = await compare(folder, '--no-watch', 'node --test --test-reporter=tap');

  expect(under('fail only with connmeter', said)).toContain('must be alone');
  expect(under('fail with connmeter, and with any other --import', said)).toContain('no preload');
  expect(under('flaky: fail sometimes, whether or not connmeter is loaded', said)).toContain('every third time');
  expect(code).toBe(1);
});

test('a suite that does not load connmeter is reported as proving nothing', { timeout: 120_000 }, async () => {
  const folder = suite(CONNECTS);

  const { code, said } = await compare(folder, 'NODE_OPTIONS= node --test');

  expect(said).toMatch(/passed both +1\n/);
  expect(said).toContain('NOTHING WAS MEASURED');
  expect(code).toBe(2);
});

test('a suite that never ends is killed with all its processes', { timeout: 120_000 }, async () => {
  const folder = suite(`
    test('says something', () => {});
    const left = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
    writeFileSync('left', String(left.pid));
    left.unref();
    setInterval(() => {}, 1000);`);

  const { said } = await compare(folder, '--no-watch', '--timeout', '8', '--rounds', '1', 'node a.test.mjs');

  expect(said).toMatch(/plain +timed out/);
  expect(said).toMatch(/measured +timed out/);
  const left = Number(readFileSync(join(folder, 'left'), 'utf8'));
  await until(
    () => isRunning(left),
    running => !running,
    10_000,
  );
});

test('an unsupported version of Node is rejected, wherever it comes from', { timeout: 60_000 }, async () => {
  const folder = suite(CONNECTS);
  const old = oldNode();
  const refused = { code: 2, said: `connmeter does not support Node 20.20.2 (${old}): it needs ${RANGE}.\n` };

  expect(await compare(folder, '--node', old, 'node --test')).toEqual(refused); // first on the PATH
  expect(await compare(folder, `A=1 ${old} --test`)).toEqual(refused); // named by the command

  const own = await compareAs('v22.18.0', folder, 'node --test');
  expect(own).toEqual({
    code: 2,
    said: `connmeter does not support Node 22.18.0 (${process.execPath}): it needs ${RANGE}.\n`,
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
