import { once } from 'node:events';
import { METHODS } from 'node:http';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { LIMITS } from '../../src/register/connection-limits.ts';
import { METRICS_PATH } from '../../src/register/metrics-server.ts';
import { programPath, REGISTER, start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest, isListening } from '../support/http-request.ts';
import {
  BODY,
  deferredText,
  get,
  KEEP_ALIVE_GET,
  type RawClient,
  rawResponse,
  sendRaw,
  startMetricsServer,
  statusOf,
} from '../support/metrics-server.ts';
import { server } from '../support/server.ts';
import { until } from '../support/until.ts';

test('only GET and HEAD are served, and only GET with a body', async () => {
  const { port, collected } = await startMetricsServer();

  const statuses = await Promise.all(
    METHODS.filter(method => method !== 'CONNECT').map(async method => {
      const answer = await rawResponse(port, get(METRICS_PATH).replace('GET', method));
      return [method, statusOf(answer), answer.includes(BODY)];
    }),
  );

  const allowed = statuses.filter(([, status]) => status !== 405);
  expect(allowed).toEqual([
    ['GET', 200, true],
    ['HEAD', 200, false],
  ]);
  expect(collected()).toBe(1);
});

test.each([
  ['CONNECT, which would make a proxy of it', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', NaN],
  ['a method nobody knows', 'STEAL /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01', 400],
  ['two lengths at once', get(METRICS_PATH, 'Content-Length: 1', 'Transfer-Encoding: chunked'), 400],
  ['a header with a line break', get(METRICS_PATH, 'A: b\rInjected: c'), 400],
  ['no Host header', `GET ${METRICS_PATH} HTTP/1.1\r\nConnection: close\r\n\r\n`, 400],
  ['headers of 10 kB', get(METRICS_PATH, `A: ${'x'.repeat(10_000)}`), 431],
  ['two hosts', get(METRICS_PATH, 'Host: localhost'), 400],
  ['the name of a web page', get(METRICS_PATH).replace('localhost', 'evil.test'), 403],
  ['any path, by the name of a web page', get('/').replace('localhost', 'evil.test'), 403],
  ['a URL, as proxies get it', get(`http://localhost${METRICS_PATH}`), 404],
  ['the path, encoded', get('/%6detrics'), 404],
  ['a way round to the path', get('/x/../metrics'), 404],
  ['the path with a NUL', get('/metrics%00'), 404],
  ['a file', get('/../../etc/passwd'), 404],
  ['everything', get('*').replace('GET', 'OPTIONS'), 404],
])('to %s nothing is told', async (_what, bytes, status) => {
  const { port, collected } = await startMetricsServer();

  const answer = await rawResponse(port, bytes);

  expect(statusOf(answer)).toEqual(status);
  expect(answer).not.toContain(BODY);
  expect(collected()).toBe(0);
  expect(await httpRequest(`http://127.0.0.1:${port}${METRICS_PATH}`)).toMatchObject({ status: 200, body: BODY });
});

test('HTTP/1.0 without a Host header is served', async () => {
  const { port } = await startMetricsServer();

  const answer = await rawResponse(port, `GET ${METRICS_PATH} HTTP/1.0\r\n\r\n`);

  expect(statusOf(answer)).toBe(200);
  expect(answer).toContain(BODY);
});

test('an upgrade request gets the metrics', async () => {
  const { port } = await startMetricsServer();

  const answer = await rawResponse(
    port,
    get(METRICS_PATH, 'Upgrade: websocket').replace('Connection: close', 'Connection: close, Upgrade'),
  );

  expect(statusOf(answer)).not.toBe(101);
});

test('pages of other origins cannot read the metrics: there are no CORS headers, and a preflight is rejected', async () => {
  const { port } = await startMetricsServer();

  const answers = await Promise.all([
    rawResponse(port, get(METRICS_PATH, 'Origin: https://evil.test')),
    rawResponse(
      port,
      get(METRICS_PATH, 'Origin: https://evil.test', 'Access-Control-Request-Method: GET').replace('GET', 'OPTIONS'),
    ),
  ]);

  expect(answers.map(statusOf)).toEqual([200, 405]);
  for (const answer of answers) expect(answer).not.toMatch(/^access-control-/im);
});

test('parallel requests share one collection and one text in memory', async () => {
  const waiting = deferredText();
  const { port, server: inside, collected } = await startMetricsServer({ make: () => waiting.promise });
  let requests = 0;
  inside.on('request', () => requests++);
  const clients = await Promise.all(Array.from({ length: LIMITS.connections }, () => sendRaw(port, KEEP_ALIVE_GET)));
  await until(
    () => requests,
    count => count === LIMITS.connections,
  );

  waiting.resolve(BODY);

  for (const { received } of clients) await until(received, answer => answer.endsWith(BODY));
  expect(collected()).toBe(1);
});

test('a connection beyond the limit closes the one that has been idle longest', async () => {
  const { port } = await startMetricsServer();
  const clients: RawClient[] = [];
  for (let i = 0; i < LIMITS.connections; i++) {
    const client = await sendRaw(port, KEEP_ALIVE_GET);
    clients.push(client);
    await until(client.received, answer => answer.endsWith(BODY));
  }
  const [first, second] = clients as [RawClient, RawClient];
  first.socket.write(KEEP_ALIVE_GET); // the second one has been idle longest now
  await until(first.received, answer => answer.split(BODY).length === 3);

  const late = await sendRaw(port, KEEP_ALIVE_GET);

  await second.closed;
  await until(late.received, answer => answer.endsWith(BODY));
  expect(clients.filter(({ isClosed }) => isClosed())).toEqual([second]);
});

test('silent clients and clients that do not read do not keep Prometheus out', async () => {
  const waiting = deferredText();
  const { port, server: inside, collected } = await startMetricsServer({ make: () => waiting.promise });
  const connections = () => new Promise<number>(resolve => inside.getConnections((_error, count) => resolve(count)));
  const first = await sendRaw(port, KEEP_ALIVE_GET);
  await until(collected, count => count === 1);
  const silent = await Promise.all(Array.from({ length: 100 }, () => sendRaw(port, '')));
  const stillOpen = () => silent.filter(({ isClosed }) => !isClosed()).length;
  await until(stillOpen, open => open === LIMITS.connections - 1);
  expect(first.isClosed()).toBe(false); // it waits for its answer, they for nothing

  for (let i = 0; i < 100; i++) await sendRaw(port, KEEP_ALIVE_GET);
  const prometheus = await sendRaw(port, KEEP_ALIVE_GET);
  for (let i = 0; i < 5; i++) await sendRaw(port, '');

  expect(await connections()).toBe(LIMITS.connections);
  waiting.resolve(BODY);
  await until(prometheus.received, answer => answer.endsWith(BODY));
  expect(first.received()).toBe('');
});

test.each(['GET', 'HEAD', 'POST'])('more than four unanswered %s requests on one connection close it', async method => {
  const waiting = deferredText();
  const { port } = await startMetricsServer({ make: () => waiting.promise });
  const asked = KEEP_ALIVE_GET.replace('GET', method);
  // HEAD and POST are answered at once, so they are unanswered only behind a GET.
  const patient = await sendRaw(port, KEEP_ALIVE_GET + asked.repeat(LIMITS.pendingRequests - 1));
  const greedy = await sendRaw(port, KEEP_ALIVE_GET + asked.repeat(1_000));

  await greedy.closed;

  expect(greedy.received()).toBe('');
  expect(patient.isClosed()).toBe(false);
  waiting.resolve(BODY);
  await until(patient.received, answer => answer.match(/HTTP\/1/g)?.length === LIMITS.pendingRequests);
});

test('clients that do not read their response or send no request are disconnected after their timeouts', async () => {
  // Longer than the socket buffers.
  const { port, server: inside } = await startMetricsServer({ make: async () => 'x'.repeat(20_000_000) });
  const connections = () => new Promise<number>(resolve => inside.getConnections((_error, count) => resolve(count)));
  const unread = async () => {
    const { socket } = await sendRaw(port, KEEP_ALIVE_GET.repeat(LIMITS.pendingRequests));
    socket.pause();
  };
  const idle = await sendRaw(port, KEEP_ALIVE_GET.replace(METRICS_PATH, '/'));
  await until(idle.received, answer => answer.includes(' 404 '));
  await unread();
  await sendRaw(port, 'GET /met');
  await sendRaw(port, '');
  expect(await connections()).toBe(4);

  await until(connections, count => count === 2, LIMITS.headersTimeout + 5_000);
  await unread();
  expect(await connections()).toBe(3);
  await until(connections, count => count === 2, LIMITS.responseTimeout);
  expect(idle.isClosed()).toBe(false);
});

test('a request body is not read, and the connection closes after the response', async () => {
  const { port } = await startMetricsServer();

  const answers = await Promise.all([
    rawResponse(port, KEEP_ALIVE_GET.replace('\r\n\r\n', '\r\nContent-Length: 1000\r\n\r\nbegun')),
    rawResponse(port, KEEP_ALIVE_GET.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n')),
    rawResponse(
      port,
      KEEP_ALIVE_GET.replace('GET', 'POST').replace(
        '\r\n\r\n',
        '\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n',
      ),
    ),
  ]);

  expect(answers.map(statusOf)).toEqual([200, 200, 405]);
});

test('the limits of the Node server are set', async () => {
  const { server: inside } = await startMetricsServer();

  expect(inside).toMatchObject({ headersTimeout: 5_000, requestTimeout: 5_000, keepAliveTimeout: 75_000 });
  expect(inside.listenerCount('upgrade') + inside.listenerCount('connect')).toBe(0);
});

const SLOW = {
  silence: '',
  'half a line': 'GET /met',
  'headers without an end': `${get(METRICS_PATH).slice(0, -2)}X-A: b`,
  'a body that does not come': get(METRICS_PATH, 'Content-Length: 1000').replace('GET', 'POST'),
  'a body in endless chunks': `${get(METRICS_PATH, 'Transfer-Encoding: chunked').replace('GET', 'POST')}5\r\nhello\r\n`,
  'an answer that is not read': KEEP_ALIVE_GET.repeat(4),
};

test('200 slow clients do not delay a scrape', async () => {
  const { port } = await startMetricsServer();
  const all = await Promise.all(
    Array.from({ length: 200 }, (_, i) => sendRaw(port, Object.values(SLOW)[i % 3] as string)),
  );

  expect(await httpRequest(`http://127.0.0.1:${port}${METRICS_PATH}`)).toMatchObject({ status: 200, body: BODY });
  expect(all.filter(({ received }) => received() !== '')).toEqual([]);
});

/** Starts a program with connmeter that exits when it reads a line, unless something keeps it alive. */
async function registered(env: Record<string, string> = {}) {
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const child = start(programPath('keep-alive-client.ts'), {
    args: [`http://127.0.0.1:${asked.port}/`],
    node: ['--import', REGISTER.href],
    env: { OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`, ...env },
  });
  await child.printed('ready');
  return { port, child };
}

test('slow clients of every kind do not keep the program alive', async () => {
  const { port, child } = await registered({ OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1' });
  const held = await Promise.all(
    Object.values(SLOW)
      .flatMap(bytes => Array.from({ length: 5 }, () => bytes))
      .map(async bytes => {
        const { socket } = await sendRaw(port, bytes);
        socket.pause();
      }),
  );
  expect(held).toHaveLength(30);

  child.writeLine('enough');

  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
});

test('a client that does not read and reconnects each time does not keep the program alive', async () => {
  const child = start(programPath('large-metrics-server.ts'));
  await child.printed('\n');
  const port = Number(/\d+/.exec(child.said.stdout)?.[0]);
  const ask = async () => {
    const { socket } = await sendRaw(port, KEEP_ALIVE_GET);
    await once(socket, 'data');
    socket.pause();
  };
  await ask();
  const again = setInterval(() => ask().catch(() => {}), 100);
  onTestFinished(() => clearInterval(again));

  child.writeLine('enough');

  expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });
});

test('scrapers that disconnect early do not end the program', async () => {
  const { port, child } = await registered({ OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1' });
  for (let i = 0; i < 50; i++) {
    const { socket } = await sendRaw(port, get(METRICS_PATH));
    if (i % 2 === 0) socket.resetAndDestroy();
    else socket.destroy();
  }

  expect(await httpRequest(`http://127.0.0.1:${port}${METRICS_PATH}`)).toMatchObject({ status: 200 });
  child.writeLine('enough');
  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
});

test('by default only this host can connect', async () => {
  const { port, child } = await registered();
  const others = Object.values(networkInterfaces())
    .flatMap(each => each ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address, scopeid }) => (scopeid ? undefined : address));

  expect(await httpRequest(`http://localhost:${port}${METRICS_PATH}`)).toMatchObject({ status: 200 });
  // a server on all addresses would also answer here
  for (const address of ['127.0.0.2', ...others]) {
    if (address !== undefined) expect([address, await isListening(port, address)]).toEqual([address, false]);
  }
  child.writeLine('enough');
  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
});

test.each([
  ['line breaks', 'a\nb\r\nconnmeter: all is well'],
  ['what steers a terminal', '\x1b]0;title\x07\x1b[2J\x7f\u009b31m\u202e'],
  ['10 kB', 'x'.repeat(10_000)],
])('a host of %s is told in one short, legible line, and the program runs on', async (_what, host) => {
  const { child } = await registered({ OTEL_EXPORTER_PROMETHEUS_HOST: host });
  await until(
    () => child.said.stderr,
    stderr => stderr.endsWith('\n'),
  );

  child.writeLine('enough');

  const { code, stderr } = await child.outcome;
  expect(code).toBe(0);
  expect(stderr).toMatch(/^connmeter: cannot serve [^\p{Cc}\p{Cf}]{1,1000}\n$/u);
});

test('an invalid variable is reported in one short, printable line', async () => {
  const { child } = await registered({
    OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
    OTEL_METRICS_EXPORTER: `console-\x7f\u009b31m\u202e\n${'x'.repeat(10_000)}`,
  });

  child.writeLine('enough');

  const { code, stderr } = await child.outcome;
  expect(code).toBe(0);
  expect(stderr).toMatch(/^connmeter: OTEL_METRICS_EXPORTER must be [^\p{Cc}\p{Cf}]{1,1000}\n$/u);
});
