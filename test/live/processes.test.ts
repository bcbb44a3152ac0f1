import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { MAX_WAIT } from '../../src/register/processes/holder.ts';
import { meetingPlace } from '../../src/register/processes/meeting-place.ts';
import { programPath, REGISTER, start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest } from '../support/http-request.ts';
import { server } from '../support/server.ts';
import { until } from '../support/until.ts';

const OPENED = 'connmeter_connection_opened_total';

const ROUNDS = Number(process.env['PROCESSES_ROUNDS'] ?? 4);

interface Service {
  readonly program?: string;
  readonly args?: readonly (string | number)[];
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
}

function service({ program = 'many-processes.ts', args = [], port, env = {} }: Service) {
  return start(programPath(program), {
    args,
    node: ['--import', REGISTER.href],
    env: {
      OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
      CONNMETER_LOG: 'none',
      ...env,
    },
  });
}

/** All counters, sums and buckets of a scrape, by their labels. */
function totalsOf(text: string): Map<string, number> {
  const types = new Map(
    Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type = '']) => [name, type]),
  );
  const isTotal = (name: string) =>
    types.get(name) === 'counter' || types.get(name.replace(/_(bucket|count|sum)$/, '')) === 'histogram';
  return new Map(
    Array.from(text.matchAll(/^(\w+)(\{.*\}) (\S+)$/gm))
      .filter(([, name = '']) => isTotal(name))
      .map(([, name = '', labels = '', value]) => [name + labels, Number(value)]),
  );
}

function sumOf(text: string, name: string, label: string): number {
  return Array.from(totalsOf(text))
    .filter(([series]) => series.startsWith(`${name}{`) && series.includes(label))
    .reduce((sum, [, value]) => sum + value, 0);
}

test('the sum of four workers and four threads equals what the server saw, while workers are killed, and no counter falls', async () => {
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const child = service({ args: [`http://127.0.0.1:${asked.port}/`, 4], port });
  await child.printed('ready');

  let before = new Map<string, number>();
  let done = 0;
  const scrape = async () => {
    const { body } = await until(
      () => httpRequest(`http://127.0.0.1:${port}/metrics`).catch(() => ({ status: 0, body: '' })),
      ({ status }) => status === 200,
      5_000,
    );
    const now = totalsOf(body);
    const fallen = [...before].filter(([series, value]) => (now.get(series) ?? 0) < value);
    expect(fallen).toEqual([]);
    before = now;
    return body;
  };
  const opened = async () => sumOf(await scrape(), OPENED, `server_port="${asked.port}"`);
  for (let round = 0; round < ROUNDS; round++) {
    child.writeLine('burst 5');
    await until(
      () => child.said.stdout.split('burst done').length - 1,
      count => count === round + 1,
      20_000,
    );
    done += 4 * 2 * 5;
    expect((await asked.seen()).accepts).toBe(done);
    // A process that a busy machine keeps for 300 ms is scraped with its last numbers.
    await until(opened, sum => sum === done, 5_000);

    child.writeLine('kill');
    await until(
      () => child.said.stdout.split('killed').length - 1,
      count => count === round + 1,
      20_000,
    );
    for (let i = 0; i < 20; i++) expect(await opened()).toBe(done);
  }
  child.writeLine('end');
  expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });
}, 120_000);

test('two services do not add up: the second one says why it is not served', async () => {
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const url = `http://127.0.0.1:${asked.port}/`;
  const first = service({ program: 'keep-alive-client.ts', args: [url], port, env: { OTEL_SERVICE_NAME: 'one' } });
  await first.printed('ready');
  const second = service({ program: 'keep-alive-client.ts', args: [url], port, env: { OTEL_SERVICE_NAME: 'two' } });
  await second.printed('ready');
  await until(
    () => second.said.stderr,
    text => text.endsWith('\n'),
  );

  const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);

  expect(sumOf(body, OPENED, `server_port="${asked.port}"`)).toBe(1);
  expect(second.said.stderr).toBe(
    `connmeter: cannot serve http://127.0.0.1:${port}/metrics (EADDRINUSE): another service that uses connmeter has the port: set OTEL_EXPORTER_PROMETHEUS_PORT to a free one, or give both the same OTEL_SERVICE_NAME to add them up\n`,
  );
});

test('a scrape waits once for a process that hangs, and then uses its last numbers', async () => {
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const child = service({ args: [`http://127.0.0.1:${asked.port}/`, 2, 'primary'], port });
  await child.printed('ready');
  child.writeLine('burst 3');
  await child.printed('burst done');
  const scrape = async () => {
    const began = performance.now();
    const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);
    return { took: performance.now() - began, opened: sumOf(body, OPENED, `server_port="${asked.port}"`) };
  };
  await until(scrape, ({ opened }) => opened === 12, 5_000);

  child.writeLine('stop');
  await child.printed('stopped');
  const answers = [await scrape(), await scrape(), await scrape()];
  child.writeLine('continue');

  expect(answers.map(({ opened }) => opened)).toEqual([12, 12, 12]);
  // Nobody waits twice. The first scrape may still get the text of the one before.
  expect(answers.filter(({ took }) => took > MAX_WAIT * 0.9).length).toBeLessThanOrEqual(1);
  child.writeLine('end');
  await child.outcome;
});

test('side by side, each process has series of its own', async () => {
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const args = [`http://127.0.0.1:${asked.port}/`, 2];
  const child = service({ args, port, env: { CONNMETER_PER_PROCESS: 'true' } });
  await child.printed('ready');
  child.writeLine('burst 3');
  await child.printed('burst done');

  const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);

  const series = [...totalsOf(body)].filter(([name, value]) => name.startsWith(`${OPENED}{`) && value > 0);
  const byProcess = new Map<string, number>();
  for (const [labels, value] of series) {
    const [, pid = ''] = /process_pid="(\d+)"/.exec(labels) ?? [];
    byProcess.set(pid, (byProcess.get(pid) ?? 0) + value);
  }
  expect([...byProcess.values()]).toEqual([6, 6]); // a worker and its thread
  child.writeLine('end');
  await child.outcome;
});

test('nothing is left behind when all processes have ended, except the folder', async () => {
  const temp = mkdtempSync(join(tmpdir(), 'connmeter-processes-'));
  onTestFinished(() => rmSync(temp, { recursive: true }));
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const child = service({ args: [`http://127.0.0.1:${asked.port}/`, 2], port, env: { TMPDIR: temp } });
  await child.printed('ready');
  child.writeLine('burst 1');
  await child.printed('burst done');
  await httpRequest(`http://127.0.0.1:${port}/metrics`);
  child.writeLine('end');
  await child.outcome;

  expect(readdirSync(temp, { recursive: true })).toEqual([`connmeter-${process.getuid?.()}`]);
});

test('a socket that cannot be made does not end the program, and its own numbers are served', async () => {
  const temp = mkdtempSync(join(tmpdir(), 'connmeter-processes-'));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(temp, { recursive: true });
  });
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  vi.stubEnv('TMPDIR', temp);
  const place = meetingPlace({ address: '127.0.0.1', port });
  mkdirSync('path' in place ? place.path : '');
  const args = [`http://127.0.0.1:${asked.port}/`, 2];
  const child = service({ program: 'keep-alive-client.ts', args, port, env: { TMPDIR: temp } });
  await child.printed('ready');

  const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);

  expect(sumOf(body, OPENED, `server_port="${asked.port}"`)).toBe(1);
  child.writeLine('enough');
  expect(await child.outcome).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/^connmeter: could not serve the metrics; the program is not affected: [^\n]*\n$/),
  });
});
