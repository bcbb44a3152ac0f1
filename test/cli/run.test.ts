import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Overview } from '../../src/explain/overview.ts';

const CLI = join(import.meta.dirname, '../../dist/cli.js');

/** A client per request, ten times; then `end` runs. */
const wasteful = (end = '') => `
  import http from 'node:http';
  import { once } from 'node:events';
  const server = http.createServer((request, response) => response.end('hello'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = 'http://127.0.0.1:' + server.address().port;
  const get = () => new Promise(resolve => http.get(url, { agent: new http.Agent() }, response => response.resume().on('end', resolve)));
  for (let i = 0; i < 10; i++) await get();
  console.log('out', process.argv.slice(2).join());
  console.error('err');
  ${end}
  server.close();
`;

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return folder;
}

function start(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, OTEL_METRICS_EXPORTER: 'none', ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = new Promise<{ code: number | null; signal: string | null }>(resolve => {
    child.on('exit', (code, signal) => resolve({ code, signal }));
  });
  const result = Promise.all([ended, text(child.stdout), text(child.stderr)]).then(([end, stdout, stderr]) => ({
    ...end,
    stdout,
    stderr,
  }));
  return { child, result };
}

test('runs a program with its arguments; the report stands after its output, which stays the same', async () => {
  const cwd = folderWith({ 'app.mjs': wasteful('process.exitCode = 3;') });
  const { code, stdout, stderr } = await start(cwd, ['app.mjs', '--a', 'b']).result;

  expect(code).toBe(3);
  expect(stdout).toBe('out --a,b\n');
  const [first, , headline, , finding, , line, fix, see] = stderr.split('\n');
  expect(first).toBe('err');
  expect(headline).toMatch(
    /^connmeter: 1 finding, .* wasted\. 1 server, 10 new connections, 0 % of 10 requests reused one\.$/,
  );
  expect(finding).toMatch(
    /^1\. 9 of 10 connections to 127\.0\.0\.1:\d+ come from a client of their own, so none of them is reused\.$/,
  );
  expect(line).toMatch(/^ {3}at {4}app\.mjs:7$/);
  expect(fix).toMatch(/^ {3}fix {3}create the client once and share it: /);
  expect(see).toMatch(/#cause-new_pool$/);
  expect(readdirSync(cwd)).toEqual(['app.mjs']);
});

test('--json prints only the report on stdout', async () => {
  const cwd = folderWith({ 'app.mjs': wasteful() });
  const { code, stdout, stderr } = await start(cwd, ['--json', 'app.mjs']).result;

  expect(code).toBe(0);
  expect(stderr).toBe('out \nerr\n');
  const { version, processes, findings } = JSON.parse(stdout) as Overview;
  expect({ version, processes, kinds: findings.map(({ kind }) => kind) }).toEqual({
    version: 1,
    processes: 1,
    kinds: ['new_pool'],
  });
});

test.each([
  ['reuse<0.9', 'wasteful', 0, 1, 'connmeter: --fail-on reuse<0.9: it is 0'],
  ['reuse<0.9', 'failing', 4, 4, 'connmeter: --fail-on reuse<0.9: it is 0'],
  ['held>0,failed>0', 'fine', 0, 0, ''],
])('--fail-on %s with a %s program that exits with %i: %i', async (list, _what, own, expected, line) => {
  const cwd = folderWith({ 'app.mjs': wasteful(`process.exitCode = ${own};`) });
  const { code, stderr } = await start(cwd, ['--plain', '--fail-on', list, 'app.mjs']).result;

  expect(code).toBe(expected);
  expect(
    stderr
      .split('\n')
      .filter(each => each.includes('--fail-on'))
      .join(),
  ).toBe(line);
});

test('any command: flags of Node, npm scripts, children and cluster workers are in one report', async () => {
  const cwd = folderWith({
    'package.json': JSON.stringify({ scripts: { start: 'node cluster.mjs' } }),
    'cluster.mjs': `
      import cluster from 'node:cluster';
      if (cluster.isPrimary) for (let i = 0; i < 2; i++) cluster.fork();
      else { await import('./app.mjs'); process.disconnect(); }
    `,
    'app.mjs': wasteful(),
  });
  const { code, stdout } = await start(cwd, ['--json', 'npm', 'start', '--silent']).result;
  const { processes, origins } = JSON.parse(stdout) as Overview;

  expect(code).toBe(0);
  expect(processes).toBe(3); // the primary listens for its workers
  expect(origins.flatMap(({ opened }) => opened).reduce((sum, { count }) => sum + count, 0)).toBe(20);
});

test('a program without connections, and one that cannot be found', async () => {
  const cwd = folderWith({ 'app.mjs': 'process.exitCode = 5;' });

  expect(await start(cwd, ['app.mjs']).result).toMatchObject({
    code: 5,
    stderr: '\nconnmeter: No connections were seen.\n',
  });
  const missing = await start(cwd, ['no-such-program']).result;
  expect(missing.code).toBe(127);
  expect(missing.stderr).toContain('connmeter: cannot run no-such-program: it was not found\n');
});

test.runIf(process.platform !== 'win32')(
  'a signal reaches the program, which ends as it likes; the report is printed',
  async () => {
    const cwd = folderWith({
      'app.mjs': wasteful(`
      process.on('SIGTERM', () => { console.log('bye'); process.exit(7); });
      setInterval(() => {}, 1_000);
    `),
    });
    const { child, result } = start(cwd, ['app.mjs']);
    await new Promise<void>(resolve => child.stdout.once('data', () => resolve()));
    await sleep(100);
    child.kill('SIGTERM');
    const { code, stdout, stderr } = await result;

    expect(code).toBe(7);
    expect(stdout).toContain('bye');
    expect(stderr).toContain('new_pool');
  },
);

test('wrong arguments get one line, and the code 2', async () => {
  const { code, stdout, stderr } = await start('.', ['--wrong']).result;

  expect({ code, stdout, stderr }).toEqual({
    code: 2,
    stdout: '',
    stderr: 'connmeter: unknown option --wrong; options of the program stand after its name. See connmeter --help\n',
  });
});

test.each(['new_pool', 'keep_alive_off', 'failed_dns', 'ConnmeterBodiesHeld'])(
  'explain %s prints its page',
  async topic => {
    const { code, stdout } = await start('.', ['explain', topic]).result;

    expect(code).toBe(0);
    expect(stdout).toContain(topic);
    expect(stdout).toMatch(/https:\/\/github\.com\/connmeter\/connmeter\/blob\/main\/docs\//);
  },
);
