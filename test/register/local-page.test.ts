import { globSync } from 'node:fs';
import files from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Overview } from '../../src/explain/overview.ts';
import { LIMITS } from '../../src/register/connection-limits.ts';
import { OVERVIEW_PATH } from '../../src/register/local-page.ts';
import { MAX_OVERVIEW_AGE } from '../../src/register/overview-json.ts';
import { overview, service } from '../page/fixtures.ts';
import { httpRequest } from '../support/http-request.ts';
import {
  BODY,
  get,
  KEEP_ALIVE_GET,
  rawResponse,
  sendRaw,
  startMetricsServer,
  statusOf,
} from '../support/metrics-server.ts';
import { until } from '../support/until.ts';

const DIST = join(import.meta.dirname, '../../dist/page');

/** Serves the page, and counts the overviews. */
async function startPage(make: () => Promise<Overview> = async () => service(2)) {
  let made = 0;
  const faults: unknown[] = [];
  const served = await startMetricsServer({
    overview: () => {
      made++;
      return make();
    },
    onServerFault: (_where, error) => faults.push(error),
  });
  return { ...served, made: () => made, faults };
}

test.each(['/', OVERVIEW_PATH, '/page/main.js', '/page/style.css'])(
  'without an overview, %s is not found',
  async path => {
    const { base } = await startMetricsServer();

    expect(await httpRequest(base, { path })).toMatchObject({ status: 404, body: '' });
  },
);

test('the overview is served as JSON that is not kept, not guessed and not embedded', async () => {
  const { base } = await startPage();

  const { status, headers, body } = await httpRequest(base + OVERVIEW_PATH);

  expect(status).toBe(200);
  expect(headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'content-length': `${Buffer.byteLength(body)}`,
  });
  expect(JSON.parse(body)).toMatchObject({ version: 1, processes: 3, origins: [{ port: 443 }, { port: 443 }] });
});

test('the page and all its files are served from memory, with a strict policy', async () => {
  const { base, made } = await startPage();
  const names = globSync('**/*.{js,css,svg}', { cwd: DIST }).map(name => `/page/${name.replaceAll('\\', '/')}`);
  expect(names.length).toBeGreaterThan(10);

  for (const path of ['/', ...names, '/?x=1']) {
    const { status, headers, body } = await httpRequest(base, { path });
    expect([path, status, body.length > 0]).toEqual([path, 200, true]);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
      'referrer-policy': 'no-referrer',
    });
  }
  expect((await httpRequest(base)).headers['content-type']).toBe('text/html; charset=utf-8');
  expect((await httpRequest(`${base}/page/main.js`)).headers['content-type']).toBe('text/javascript; charset=utf-8');
  expect(made()).toBe(0);
});

test('the page is not read before somebody asks for it, and then once', async () => {
  const readdir = vi.spyOn(files, 'readdir');
  const readFile = vi.spyOn(files, 'readFile');
  onTestFinished(() => void vi.restoreAllMocks());
  const { base } = await startPage();
  await httpRequest(base + OVERVIEW_PATH);
  await httpRequest(`${base}/metrics`);
  expect([readdir, readFile].map(({ mock }) => mock.calls.length)).toEqual([0, 0]);

  await Promise.all(['/', '/page/main.js', '/'].map(path => httpRequest(base, { path })));
  await httpRequest(base);

  expect(readdir).toHaveBeenCalledTimes(1);
  const read = readFile.mock.calls.map(([path]) => String(path));
  expect(read.length).toBeGreaterThan(10);
  expect(new Set(read).size).toBe(read.length);
});

test('if the page cannot be read, it is one fault, and the next request tries again', async () => {
  const { base, faults } = await startPage();
  const failed = new Error('no such folder');
  vi.spyOn(files, 'readdir').mockRejectedValueOnce(failed);
  onTestFinished(() => void vi.restoreAllMocks());

  expect(await httpRequest(base)).toMatchObject({ status: 500, body: '' });

  expect(faults).toEqual([failed]);
  expect(await httpRequest(base)).toMatchObject({ status: 200 });
});

test.each([
  '/page/',
  '/page/index.html',
  '/page/missing.js',
  '/page/../register.js',
  '/page/%2e%2e/register.js',
  '/page/..%2fregister.js',
  '/page/model',
  '/page/main.js/',
  '/page/__proto__',
  '/index.html',
  '/connmeter.json/',
  '//',
])('%s is not found', async path => {
  const { base, made, faults } = await startPage();

  expect(await httpRequest(base, { path })).toMatchObject({ status: 404, body: '' });
  expect(made()).toBe(0);
  expect(faults).toEqual([]);
});

test('HEAD never makes an overview, and has the headers of GET', async () => {
  const { base, made } = await startPage();

  const [page, data] = await Promise.all(['/', OVERVIEW_PATH].map(path => httpRequest(base, { path, method: 'HEAD' })));

  expect(page).toMatchObject({ status: 200, body: '', headers: { 'content-type': 'text/html; charset=utf-8' } });
  expect(page?.headers['content-length']).toBe((await httpRequest(base)).headers['content-length']);
  expect(data).toMatchObject({
    status: 200,
    body: '',
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
  });
  expect(made()).toBe(0);
});

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE'])('%s of the page is not allowed', async method => {
  const { base, made } = await startPage();

  for (const path of ['/', OVERVIEW_PATH, '/page/main.js']) {
    const { status, body, headers } = await httpRequest(base, { path, method });
    expect([path, status, body, headers.allow]).toEqual([path, 405, '', 'GET, HEAD']);
  }
  expect(made()).toBe(0);
});

test.each(['/', OVERVIEW_PATH, '/page/main.js'])('%s is not told to a page with another name', async path => {
  const { port, made } = await startPage();

  const answer = await rawResponse(port, get(path).replace('localhost', 'evil.test'));

  expect(statusOf(answer)).toBe(403);
  expect(answer).toContain('CONNMETER_ALLOWED_HOSTS');
  expect(made()).toBe(0);
});

test('requests at the same time share one overview', async () => {
  let finish: (made: Overview) => void = () => {};
  const { base, made } = await startPage(
    () =>
      new Promise(resolve => {
        finish = resolve;
      }),
  );
  const requests = Array.from({ length: 10 }, () => httpRequest(base + OVERVIEW_PATH));
  await until(made, count => count === 1);
  await wait(MAX_OVERVIEW_AGE + 50); // it takes longer than one may be used again

  finish(overview({ at: 7 }));

  for (const { body } of await Promise.all(requests)) expect(JSON.parse(body)).toMatchObject({ at: 7 });
  expect(made()).toBe(1);
});

test('there is at most one overview each half second', async () => {
  const { base, made } = await startPage();

  for (let i = 0; i < 5; i++) await httpRequest(base + OVERVIEW_PATH);
  expect(made()).toBe(1);
  await wait(MAX_OVERVIEW_AGE + 50);
  await httpRequest(base + OVERVIEW_PATH);

  expect(made()).toBe(2);
});

test.each([
  ['throws', () => Promise.reject(new Error('hunter2'))],
  [
    'throws at once',
    () => {
      throw new Error('hunter2');
    },
  ],
])('an overview that %s is one fault, and is answered with 500 and no details', async (_how, make) => {
  const { base, made, faults } = await startPage(make);

  const answers = await Promise.all(Array.from({ length: 3 }, () => httpRequest(base + OVERVIEW_PATH)));

  for (const answer of answers) expect(answer).toMatchObject({ status: 500, body: '' });
  expect(made()).toBe(1);
  expect(faults).toEqual([new Error('hunter2')]);
  expect(await httpRequest(`${base}/metrics`)).toMatchObject({ status: 200, body: BODY });
});

test('clients that do not read the data do not keep Prometheus out', async () => {
  const { port, server: inside } = await startPage(() => new Promise(() => {}));
  const waiting = KEEP_ALIVE_GET.replace('/metrics', OVERVIEW_PATH);
  for (let i = 0; i < 3 * LIMITS.connections; i++) await sendRaw(port, waiting.repeat(LIMITS.pendingRequests));
  const greedy = await sendRaw(port, waiting.repeat(LIMITS.pendingRequests + 1));

  const scraped = await httpRequest(`http://127.0.0.1:${port}/metrics`);

  expect(scraped).toMatchObject({ status: 200, body: BODY });
  await greedy.closed;
  const open = await new Promise<number>(resolve => inside.getConnections((_error, count) => resolve(count)));
  expect(open).toBeLessThanOrEqual(LIMITS.connections);
});
