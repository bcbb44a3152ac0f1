import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import http, { Agent } from 'node:http';
import net, { type AddressInfo, type ListenOptions } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { guardWith } from '../../src/core/guard.ts';
import { MetricsPort } from '../../src/register/metrics-port.ts';
import { METRICS_PATH } from '../../src/register/metrics-server.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest, isListening } from '../support/http-request.ts';
import { until } from '../support/until.ts';

const BODY = 'the metrics';

interface Ready {
  readonly port: number;
  /** Lines printed so far. */
  readonly lines: readonly string[];
  /** Names that the server looks up. */
  readonly names: readonly (string | undefined)[];
}

/** Serves metrics from this process on the port. */
async function ready({
  host = '127.0.0.1',
  port = -1,
  share = true,
  onRequest = () => {},
  onUnanswered = () => {},
} = {}): Promise<Ready> {
  const at = port === -1 ? await freePort() : port;
  const lines: string[] = [];
  const names: (string | undefined)[] = [];
  new MetricsPort({
    host,
    port: at,
    createServer: () => {
      const server = http.createServer(({ url }, response) => {
        if (url === '/unanswered') {
          onUnanswered();
          return;
        }
        onRequest();
        response.end(BODY);
      });
      onTestFinished(() => {
        server.close();
        server.closeAllConnections();
      });
      return server;
    },
    isLauncher: () => false,
    share,
    atEventInThread: () => {},
    sharing: () => undefined,
    ignoreServer: (_server, name) => names.push(name),
    warn: line => lines.push(line),
    info: line => lines.push(line),
    guard: guardWith((where, error) => expect.unreachable(`${where}: ${error}`)),
  });
  return { port: at, lines, names };
}

/** Makes the program open a connection, so that there is something to measure. */
async function connect(): Promise<void> {
  await new Promise(resolve => net.connect(1, '127.0.0.1').on('error', resolve));
}

/** Starts a server of the program; true if it can listen. */
async function listening(options: ListenOptions): Promise<boolean> {
  const server = net.createServer();
  onTestFinished(() => void server.close());
  return new Promise(resolve => {
    server.on('error', () => resolve(false)).listen(options, () => resolve(true));
  });
}

const body = (port: number, host = '127.0.0.1') =>
  httpRequest(`http://${host}:${port}${METRICS_PATH}`).then(
    answer => answer.body,
    (error: NodeJS.ErrnoException) => error.code,
  );

/** The metrics URL in a printed line. */
const told = (line = '') => Number(/:(\d+)\/metrics/.exec(line)?.[1]);

test('the metrics port is not opened before the first connection', async () => {
  const { port, lines, names } = await ready();
  await new Promise(resolve => setTimeout(resolve, 50));
  expect(names).toEqual([]);

  await connect();

  await until(() => isListening(port), Boolean);
  expect(await body(port)).toBe(BODY);
  expect(lines).toEqual([]);
});

test('the metrics port is opened when a server of the program listens', async () => {
  const { port, lines } = await ready();

  expect(await listening({ port: 0, host: '127.0.0.1' })).toBe(true);

  await until(() => isListening(port), Boolean);
  expect(lines).toEqual([]);
});

test('localhost means 127.0.0.1 without a lookup; the lookup of another name is not measured', async () => {
  const { port, names, lines } = await ready({ host: 'localhost' });
  const named = await ready({ host: 'localhost.' });
  await connect();
  await until(() => isListening(port), Boolean);
  await until(() => named.names.length, Boolean);

  expect(names).toEqual([undefined]);
  expect(lines).toEqual([]);
  expect(named.names).toEqual(['localhost.']);
});

test('the metrics server does not run in an AsyncLocalStorage store of the program', async () => {
  const store = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const onRequest = () => void seen.push(store.getStore());
  const { port, lines } = await ready({ onRequest });
  await store.run('of a request', connect);
  await until(() => isListening(port), Boolean);
  await body(port);

  expect(await store.run('of another request', () => listening({ port }))).toBe(true);

  await until(() => lines.length, Boolean);
  await store.run('of a third', () => body(told(lines[0])));
  expect(seen).toEqual([undefined, undefined]);
});

test.each<[string, ListenOptions]>([
  ['on any address', {}],
  ['on any IPv4 address', { host: '0.0.0.0' }],
  ['on ours', { host: '127.0.0.1' }],
  ['on localhost', { host: 'localhost' }],
  ['exclusively', { exclusive: true }],
])('where the program listens on our port, %s, ours moves at once and says where to', async (_how, options) => {
  let asked = 0;
  const unanswered = () => asked;
  const { port, lines } = await ready({ onUnanswered: () => asked++ });
  await connect();
  await until(() => isListening(port), Boolean);
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const url = `http://127.0.0.1:${port}${METRICS_PATH}`;
  expect(await httpRequest(url, { agent })).toMatchObject({ body: BODY });
  const waiting = httpRequest(`http://127.0.0.1:${port}/unanswered`).catch(
    (error: NodeJS.ErrnoException) => error.code,
  );
  await until(unanswered, count => count === 1);

  const itsOwn = http.createServer((_request, response) => response.end("the program's"));
  onTestFinished(() => {
    itsOwn.close();
    itsOwn.closeAllConnections();
  });
  await once(itsOwn.listen({ port, ...options }), 'listening');

  await until(() => lines.length, Boolean);
  expect(lines).toEqual([
    expect.stringMatching(
      new RegExp(
        `^this program listens on port ${port} itself: connmeter's metrics are now at http://127\\.0\\.0\\.1:\\d+/metrics; set OTEL_EXPORTER_PROMETHEUS_PORT to choose the port$`,
      ),
    ),
  ]);
  expect(await body(told(lines[0]))).toBe(BODY);
  expect(await waiting).toBe('ECONNRESET');
  // Otherwise a scraper with an open connection would still get connmeter's metrics from the program's port.
  const { family } = itsOwn.address() as AddressInfo;
  if (options.host !== 'localhost' || family === 'IPv4') {
    await expect
      .poll(() => httpRequest(url, { agent }).catch(() => undefined))
      .toMatchObject({ body: "the program's" });
  }
});

test.each<[string, (port: number) => ListenOptions]>([
  ['another address', port => ({ port, host: '127.0.0.2' })],
  ['the other family', port => ({ port, host: '::1' })],
  ['another port', () => ({ port: 0, host: '127.0.0.1' })],
])('where the program listens on %s, ours stays', async (_what, options) => {
  const { port, lines } = await ready();
  await connect();
  await until(() => isListening(port), Boolean);

  expect(await listening(options(port))).toBe(true);

  expect(await body(port)).toBe(BODY);
  expect(lines).toEqual([]);
});

test('if the program already listens on the metrics port, the metrics move to another port', async () => {
  const { port, lines } = await ready();

  expect(await listening({ port })).toBe(true);

  await until(() => lines.length, Boolean);
  expect(lines[0]).toMatch(`this program listens on port ${port} itself`);
  expect(await body(told(lines[0]))).toBe(BODY);
});

test('the metrics server does not take a port while a server of the program looks up its host', async () => {
  const { port, lines } = await ready();

  const listens = listening({ port, host: 'localhost' });
  await connect();

  expect(await listens).toBe(true);
  await until(() => lines.length, Boolean);
  expect(lines[0]).toMatch(`this program listens on port ${port} itself`);
});

test('if the program cannot listen on the metrics port either, the metrics server returns to it silently', async () => {
  const { port, lines } = await ready();
  await connect();
  await until(() => isListening(port), Boolean);
  expect(await listening({ port, host: '127.0.0.9' })).toBe(true);

  expect(await listening({ port })).toBe(false);

  await until(() => isListening(port), Boolean);
  expect(await body(port)).toBe(BODY);
  expect(lines).toEqual([]);
});

test('the metrics server stops moving if the program takes every new port', async () => {
  const { port, lines } = await ready();
  await connect();
  await until(() => isListening(port), Boolean);

  expect(await listening({ port })).toBe(true);
  for (let moved = 1; moved <= 3; moved++) {
    await until(
      () => lines.length,
      count => count === moved,
    );
    expect(await listening({ port: told(lines[moved - 1]) })).toBe(true);
  }
  await until(
    () => lines.length,
    count => count === 4,
  );

  expect(lines[3]).toBe(
    `the metrics are no longer served: this program also listens on each port that they move to, most recently ${told(lines[2])}; set OTEL_EXPORTER_PROMETHEUS_PORT to choose the port`,
  );
  expect(await listening({ port: 0 })).toBe(true);
  expect(lines).toHaveLength(4);
});

test('the URL is printed for port 0', async () => {
  const { lines } = await ready({ port: 0 });
  await connect();
  await until(() => lines.length, Boolean);

  expect(lines).toEqual([
    expect.stringMatching(
      /^the metrics are at http:\/\/127\.0\.0\.1:\d+\/metrics \(OTEL_EXPORTER_PROMETHEUS_PORT is set to 0\)$/,
    ),
  ]);
  expect(await body(told(lines[0]))).toBe(BODY);
});

test.each([
  [true, 'the port is in use: set OTEL_EXPORTER_PROMETHEUS_PORT to a free one'],
  [
    false,
    'the port is in use: set OTEL_EXPORTER_PROMETHEUS_PORT to a free one, or remove CONNMETER_SHARE=false if another process of this service has it',
  ],
])('a port in use is reported with the fix (CONNMETER_SHARE=%s)', async (share, fix) => {
  const holder = net.createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void holder.close());
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;

  const { lines } = await ready({ port, share });
  await connect();
  await until(() => lines.length, Boolean);

  expect(lines).toEqual([`cannot serve http://127.0.0.1:${port}/metrics (EADDRINUSE): ${fix}`]);
});

test.each([
  // TEST-NET-1 (RFC 5737) and the documentation prefix (RFC 3849): no machine has these addresses
  ['192.0.2.1', '192.0.2.1', 'EADDRNOTAVAIL'],
  ['2001:db8::1', '[2001:db8::1]', 'EADDRNOTAVAIL'],
  ['no such host', 'no such host', 'ENOTFOUND'],
])('the host %s, which is not ours, is told', async (host, inUrl, code) => {
  const { port, lines } = await ready({ host });
  await connect();
  await until(() => lines.length, Boolean, 15_000);

  expect(lines).toEqual([`cannot serve http://${inUrl}:${port}/metrics (${code})`]);
});
