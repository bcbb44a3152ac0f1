import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/until.ts';

/** Runs the demo in its own process group. Needs `npm run build`, because the demo imports the package by its name. */
function demo({ args = [] as string[], port = 0 } = {}) {
  const start = fileURLToPath(new URL('../../examples/demo/start.ts', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'demo-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', start, ...args], {
    detached: true,
    env: { ...process.env, OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`, TMPDIR: folder },
  });
  onTestFinished(() => {
    if (groupIsThere()) process.kill(-pid, 'SIGKILL');
  });
  const pid = child.pid as number;
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  // All processes of the demo share its output, which closes when the last one exits.
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;

  function groupIsThere(): boolean {
    try {
      return process.kill(-pid, 0);
    } catch {
      return false;
    }
  }
  return {
    child,
    pid,
    ended,
    groupIsThere,
    printed: () => printed,
    leftBehind: () =>
      readdirSync(folder, { recursive: true }).filter(path => !/^connmeter-\d+(\/\w+\.sock)?$/.test(String(path))),
  };
}

/** The cells of a caller's row in the last printed table. */
function rowOf(printed: string, caller: string) {
  const lastTable = printed.slice(printed.lastIndexOf('\ncaller '));
  const line = lastTable.split('\n').find(each => each.startsWith(`${caller} `)) ?? '';
  const [, origin, requests, reuse, opened, connect, tls, verdict] = line.split(/ {2,}/);
  return {
    origin,
    requests: Number(requests),
    reuse: Number(reuse?.replace(' %', '')),
    opened: Number(opened),
    connect: Number(connect),
    tls: Number(tls),
    verdict,
  };
}

test('the demo shows within seconds which caller wastes connections, and then exits', async () => {
  const { ended, groupIsThere, printed } = demo({ args: ['--seconds', '8'] });

  expect(await ended).toEqual([0, null]);

  expect(printed()).toMatch(/Its metrics: http:\/\/127\.0\.0\.1:\d+\/metrics/);
  expect(printed().match(/^caller /gm)).toHaveLength(2);
  for (const healthy of ['shared pool', 'shared pool, HTTPS']) {
    const { requests, reuse, opened, verdict } = rowOf(printed(), healthy);
    expect(verdict).toBe('healthy');
    expect(requests).toBeGreaterThan(5);
    expect(reuse).toBeGreaterThan(95);
    expect(opened).toBeLessThan(1);
  }
  for (const [wasteful, words] of [
    ['client per request', 'a client per request: share one'],
    ['keep-alive off', 'keep-alive is off: turn it on'],
    ['server keep-alive of 1 s', 'server keep-alive too short: use 5 s or more'],
    ['Connection: close', 'server sends Connection: close'],
  ] as const) {
    const { origin, requests, reuse, opened, connect, verdict } = rowOf(printed(), wasteful);
    expect([wasteful, verdict, reuse]).toEqual([wasteful, words, 0]);
    const finding = printed()
      .split('\n')
      .findLast(line => line.includes(` to ${origin}: `));
    const [, most = 0, all = 0] = /^ +(\d+) of (\d+) to /.exec(finding ?? '') ?? [];
    expect([finding, Number(most) > 0.7 * Number(all), finding?.includes(words)]).toEqual([finding, true, true]);
    expect(requests).toBeGreaterThan(1);
    expect(Math.abs(opened - requests)).toBeLessThan(1);
    expect(connect).toBeGreaterThan(0);
  }
  // The garbage collector may have released the bodies.
  expect(rowOf(printed(), 'body never read')).toMatchObject({
    verdict: expect.stringMatching(/^bodies .*: read them$/),
  });
  expect(rowOf(printed(), 'body never read').reuse).toBe(0);
  expect(printed()).toMatch(/to localhost:\d+: a client per request.*\(callers\.ts:\d+\)$/m);
  expect(rowOf(printed(), 'port refused').verdict).toMatch(/^[\d.]+\/s fail: connect ECONNREFUSED$/);
  expect(rowOf(printed(), 'name not found').verdict).toMatch(/^[\d.]+\/s fail: dns (ENOTFOUND|EAI_AGAIN)$/);
  expect(rowOf(printed(), 'certificate expired').verdict).toMatch(/^[\d.]+\/s fail: tls CERT_HAS_EXPIRED$/);
  const [, lookups = '0'] = /by name: .*\blocalhost ([\d.]+)/.exec(printed()) ?? [];
  expect(Number(lookups)).toBeGreaterThan(5);
  const origins = ['body never read', 'keep-alive off', 'shared pool'].map(caller => rowOf(printed(), caller).origin);
  expect(new Set(origins.map(origin => origin?.split(':')[0])).size).toBe(process.platform === 'linux' ? 3 : 1);
  expect(groupIsThere()).toBe(false);
});

test('Ctrl-C ends the demo and all of its processes', async () => {
  const { pid, ended, groupIsThere, leftBehind, printed } = demo();
  await until(printed, text => text.includes('Its metrics:'), 20_000);

  process.kill(-pid, 'SIGINT'); // sent to the whole group, as a terminal does

  expect(await ended).toEqual([0, null]);
  expect(groupIsThere()).toBe(false);
  expect(leftBehind()).toEqual([]);
});

test('all processes of the demo exit when the demo is killed', async () => {
  const { child, ended, printed } = demo();
  await until(printed, text => text.includes('Its metrics:'), 20_000);

  child.kill('SIGKILL');

  expect(await ended).toEqual([null, 'SIGKILL']);
});

test('if the metrics port is taken, the demo says so in one line and uses another one', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void blocker.close());
  await once(blocker, 'listening');
  const { port } = blocker.address() as AddressInfo;

  const { child, ended, printed } = demo({ port });
  const [, metrics = ''] = await until(
    () => /Its metrics: (\S+)/.exec(printed()) ?? [],
    match => match.length > 0,
    20_000,
  );
  const { status } = await fetch(metrics);
  child.kill();
  await ended;

  expect(status).toBe(200);
  expect(printed()).toMatch(
    new RegExp(`^Port ${port} is in use, so the metrics are on port ${new URL(metrics).port}\\.$`, 'm'),
  );
});
