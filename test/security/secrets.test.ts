import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Snapshot } from '../../src/index.ts';
import { certificate } from '../support/certificates.ts';
import { REGISTER } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest } from '../support/http-request.ts';
import { server } from '../support/server.ts';
import { parseStrictly } from './strict-exposition.ts';

interface Told {
  readonly done: readonly string[];
  readonly snapshot: string;
}

/** All output of a program with secrets in its requests. */
async function heardOfSecretive() {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const secure = { certificate: await certificate() };
  const [plain, encrypted, second, proxy] = await Promise.all([
    server({ kind: 'http' }),
    server({ kind: 'https', ...secure }),
    server({ kind: 'http2', ...secure }),
    server({ kind: 'http' }),
  ]);
  const unix = join(folder, 'a.sock');
  await server({ kind: 'http', path: unix });
  const port = await freePort();
  const metrics = `http://127.0.0.1:${port}/metrics`;
  const ports = { http: plain.port, https: encrypted.port, http2: second.port, proxy: proxy.port, unix };

  const child = fork(join(import.meta.dirname, 'requests-with-secrets.ts'), [JSON.stringify(ports)], {
    execArgv: ['--disable-warning=ExperimentalWarning', '--import', REGISTER.href],
    env: { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output += text;
    });
  }
  const ended = once(child, 'close');
  let told: Told | undefined;
  while (told === undefined) {
    const [message] = await Promise.race([
      once(child, 'message'),
      ended.then(() => expect.unreachable(`ended before its time: ${output}`)),
    ]);
    if (message === 'scrape') {
      await httpRequest(metrics);
      child.send('scraped');
    } else told = message as Told;
  }
  const { body: scrape } = await httpRequest(metrics);
  child.send('enough');
  await ended;
  return {
    ...told,
    scrape,
    output,
    ports,
    served: await Promise.all([plain, encrypted, second, proxy].map(s => s.seen())),
  };
}

test('secrets in every part of requests are never in the scrape, a snapshot, or a printed line', async () => {
  const { done, scrape, snapshot, output, ports, served } = await heardOfSecretive();

  for (const told of [scrape, snapshot, output]) expect(told.match(/.{0,200}s3cret.{0,200}/gi)).toBeNull();

  // The output is not empty: every client has made its requests and is measured, and warnings were printed.
  expect(done).toEqual([
    'fetch',
    'fetch with userinfo failed',
    'fetch given up failed',
    'fetch of a port that refuses failed',
    'fetch of no protocol failed',
    ...['6', '7', '8'].flatMap(version => [
      `undici ${version}`,
      `undici ${version} through a proxy`,
      `undici ${version} over a Unix socket`,
      `undici ${version} destroyed failed`,
    ]),
    'node:http',
    'node:https',
    'node:http through a proxy',
    'node:http, a proxy by its options',
    'node:http with unusual answers',
    'node:http2',
    'a URL for a host failed',
    'a URL for a path failed',
    'userinfo for a host failed',
    'a lookup of a URL failed',
    'an error that tells failed',
    'an error for a close failed',
    'a pool a request',
  ]);
  for (const { requests, connects } of served) expect(requests + connects).toBeGreaterThan(0);
  const series = parseStrictly(Buffer.from(scrape));
  const origins = new Set(series.map(({ labels }) => labels.get('server_port') ?? labels.get('server_address')));
  for (const origin of Object.values(ports)) expect(origins).toContain(String(origin));
  expect(origins).toContain('unknown');
  const { callSites, closed, live } = JSON.parse(snapshot) as Snapshot;
  expect(new Set(callSites.map(({ problem }) => problem))).toEqual(new Set(['new_pool', 'body_held']));
  expect(closed.length).toBeGreaterThan(10);
  expect(live.length).toBeGreaterThan(0);
  expect(output).toMatch(
    /connmeter: response body of a request to 127\.0\.0\.1:\d+ created at \S*requests-with-secrets\.ts:\d+ /,
  );
  expect(output).toMatch(
    /connmeter: a request to 127\.0\.0\.1:\d+ created at \S*requests-with-secrets\.ts:\d+ opens a pool/,
  );
  expect(output).not.toContain('internal error');
}, 120_000);
