import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import type { Overview } from '../../src/explain/overview.ts';
import { freePort } from '../support/free-port.ts';

const CLI = join(import.meta.dirname, '../../dist/cli.js');
const REGISTER = new URL('../../dist/register.js', import.meta.url).href;

const SERVICE = `
  import http from 'node:http';
  import { once } from 'node:events';
  const server = http.createServer((request, response) => response.end('hello'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = 'http://127.0.0.1:' + server.address().port;
  const get = () => new Promise(resolve => http.get(url, { agent: new http.Agent() }, response => response.resume().on('end', resolve)));
  setInterval(get, 30);
  setTimeout(() => process.exit(), 60_000);
  for (let i = 0; i < 10; i++) await get();
  console.log('running');
`;

async function service(
  files: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv | undefined,
): Promise<ChildProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'top-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const flags = env === undefined ? [] : ['--import', REGISTER];
  const child = spawn(process.execPath, [...flags, 'app.mjs'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

async function top(...args: readonly string[]) {
  const child = spawn(process.execPath, [CLI, 'top', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(child, 'exit');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await exit;
  return { code, stdout, stderr };
}

const kindsOf = (stdout: string) => (JSON.parse(stdout) as Overview).findings.map(({ kind }) => kind);

test('by port: a table and the findings', async () => {
  const port = await freePort();
  await service({ 'app.mjs': SERVICE }, { OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` });

  const { code, stdout, stderr } = await top(`localhost:${port}`, '--once');

  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(
    /^1 process\. Totals since the start\.\nserver +verdict +new +req .*\n127\.0\.0\.1:\d+ +client per request /,
  );
  expect(stdout).toMatch(/fix {3}create the client once/);
  expect(kindsOf((await top('--json', `localhost:${port}`)).stdout)).toEqual(['new_pool']);
});

test.skipIf(process.platform === 'win32')(
  'by process id, through the local socket, also where the page is off: all workers of a cluster',
  async () => {
    const port = await freePort();
    const cluster = `
    import cluster from 'node:cluster';
    if (cluster.isPrimary) for (let i = 0; i < 2; i++) cluster.fork();
    else await import('./service.mjs');
  `;
    const env = { OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`, CONNMETER_PAGE: 'false' };
    const { pid } = await service({ 'app.mjs': cluster, 'service.mjs': SERVICE }, env);

    await expect
      .poll(
        async () => {
          const { stdout } = await top('--json', `${pid}`);
          return (JSON.parse(stdout) as Overview).callSites.length;
        },
        { timeout: 10_000 },
      )
      .toBeGreaterThan(0);
    const { stdout } = await top('--json', `${pid}`);

    expect((JSON.parse(stdout) as Overview).processes).toBe(3);
    expect(kindsOf(stdout)).toEqual(['new_pool']); // both workers listen on the same port
    expect((await top(`localhost:${port}`)).stderr).toContain('answered 404: set CONNMETER_PAGE=true');
  },
);

test.runIf(process.platform === 'linux')(
  'a process without connmeter is entered and left; its inspector is closed again',
  async () => {
    const child = await service({ 'app.mjs': SERVICE }, undefined);

    const first = await top('--json', `${child.pid}`);
    const again = await top('--once', `${child.pid}`);

    expect(kindsOf(first.stdout)).toEqual(['new_pool']);
    expect(first.stderr).toMatch(
      /^connmeter: process \d+ runs without connmeter\. Its inspector is opened on 127\.0\.0\.1:9229/,
    );
    expect(again.stdout).toContain('Connections that were open before are not known.');
    await expect(fetch('http://127.0.0.1:9229/json/list')).rejects.toThrow();
    expect(child.exitCode).toBe(null);
  },
);

test.runIf(process.platform === 'linux')(
  'a process that is not Node.js gets no signal, nor one that does not expect it',
  async () => {
    const sleep = spawn('sleep', ['30']);
    const deaf = spawn(process.execPath, ['--disable-sigusr1', '-e', 'console.log(1); setTimeout(() => {}, 30_000)']);
    onTestFinished(() => {
      sleep.kill();
      deaf.kill();
    });
    await once(deaf.stdout, 'data');

    expect(await top(`${sleep.pid}`)).toEqual({
      code: 1,
      stdout: '',
      stderr: `connmeter: process ${sleep.pid} is not Node.js but sleep\n`,
    });
    expect((await top(`${deaf.pid}`)).stderr).toBe(
      `connmeter: process ${deaf.pid} does not listen to SIGUSR1, which would end it\n`,
    );
    expect((await top('999999999')).stderr).toBe('connmeter: there is no process 999999999\n');
    expect([sleep.exitCode, deaf.exitCode]).toEqual([null, null]);
  },
);

test('a port where nobody answers, or somebody else', async () => {
  const port = await freePort();

  expect((await top(`127.0.0.1:${port}`)).stderr).toBe(
    `connmeter: the program cannot be read: connect ECONNREFUSED 127.0.0.1:${port}\n`,
  );
});
