import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { METHODS, type Server } from 'node:http';
import net, { type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { METRICS_PATH, serveMetrics } from '../../src/register/metrics-server.ts';
import { ask, freePort, isServed, programPath, REGISTER, start } from '../support/child.ts';
import { until } from '../support/measuring.ts';
import { server } from '../support/server.ts';

const BODY = 'the metrics';

interface Served {
  readonly port: number;
  /** The server itself, which is shown to nobody but a diagnostics channel. */
  readonly inside: Server;
  readonly answered: () => number;
}

/** The metrics, served by this process as they are by a program's. */
async function serving(): Promise<Served> {
  const port = await freePort();
  let inside: Server | undefined;
  const listening = (message: unknown) => {
    inside = (message as { server: Server }).server;
  };
  const starting = channel('tracing:net.server.listen:asyncStart');
  starting.subscribe(listening);
  let answers = 0;
  serveMetrics(
    { host: '127.0.0.1', port },
    async () => {
      answers++;
      return BODY;
    },
    fault => expect.unreachable(String(fault)),
    error => expect.unreachable(String(error)),
  );
  starting.unsubscribe(listening);
  await until(() => isServed(port), Boolean);
  onTestFinished(() => {
    inside?.close();
    inside?.closeAllConnections();
  });
  return { port, inside: inside as Server, answered: () => answers };
}

/** A connection that says these bytes and listens. */
async function saying(port: number, bytes: string): Promise<{ socket: Socket; heard: () => string }> {
  let heard = '';
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  socket.setEncoding('latin1').on('data', text => {
    heard += text;
  });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  return { socket, heard: () => heard };
}

/** All that is answered to these bytes, up to the end of the connection. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const { socket, heard } = await saying(port, bytes);
  if (!socket.closed) await new Promise(resolve => socket.once('close', resolve));
  return heard();
}

const get = (path: string, ...headers: string[]) =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', ''].join('\r\n');

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);

test('of all methods that HTTP knows, only GET and HEAD are answered, and only GET with something', async () => {
  const { port, answered } = await serving();

  const statuses = await Promise.all(
    METHODS.filter(method => method !== 'CONNECT').map(async method => {
      const answer = await answerTo(port, get(METRICS_PATH).replace('GET', method));
      return [method, statusOf(answer), answer.includes(BODY)];
    }),
  );

  const allowed = statuses.filter(([, status]) => status !== 405);
  expect(allowed).toEqual([
    ['GET', 200, true],
    ['HEAD', 200, false],
  ]);
  expect(answered()).toBe(2);
});

test.each([
  ['CONNECT, which would make a proxy of it', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', NaN],
  ['a method nobody knows', 'STEAL /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01', 400],
  ['two lengths at once', get(METRICS_PATH, 'Content-Length: 1', 'Transfer-Encoding: chunked'), 400],
  ['a header with a line break', get(METRICS_PATH, 'A: b\rInjected: c'), 400],
  ['no Host header', `GET ${METRICS_PATH} HTTP/1.1\r\nConnection: close\r\n\r\n`, 400],
  ['headers of 20 kB', get(METRICS_PATH, `A: ${'x'.repeat(20_000)}`), 431],
  ['a URL, as proxies get it', get(`http://localhost${METRICS_PATH}`), 404],
  ['the path, encoded', get('/%6detrics'), 404],
  ['a way round to the path', get('/x/../metrics'), 404],
  ['the path with a NUL', get('/metrics%00'), 404],
  ['a file', get('/../../etc/passwd'), 404],
  ['everything', get('*').replace('GET', 'OPTIONS'), 404],
])('to %s nothing is told', async (_what, bytes, status) => {
  const { port, answered } = await serving();

  const answer = await answerTo(port, bytes);

  expect(statusOf(answer)).toEqual(status);
  expect(answer).not.toContain(BODY);
  expect(answered()).toBe(0);
  expect(await ask(`http://127.0.0.1:${port}${METRICS_PATH}`)).toMatchObject({ status: 200, body: BODY });
});

test('an upgrade is not made: the metrics are all there is', async () => {
  const { port } = await serving();

  const answer = await answerTo(
    port,
    get(METRICS_PATH, 'Upgrade: websocket').replace('Connection: close', 'Connection: close, Upgrade'),
  );

  expect(statusOf(answer)).not.toBe(101);
});

test('pages of other origins may not read it: no header invites them, and a preflight is refused', async () => {
  const { port } = await serving();

  const answers = await Promise.all([
    answerTo(port, get(METRICS_PATH, 'Origin: https://evil.test')),
    answerTo(
      port,
      get(METRICS_PATH, 'Origin: https://evil.test', 'Access-Control-Request-Method: GET').replace('GET', 'OPTIONS'),
    ),
  ]);

  expect(answers.map(statusOf)).toEqual([200, 405]);
  for (const answer of answers) expect(answer).not.toMatch(/^access-control-/im);
});

test('who is slow to ask is given up, and may not send headers without end', async () => {
  const { inside } = await serving();

  expect(inside.headersTimeout).toBeGreaterThan(0);
  expect(inside.headersTimeout).toBeLessThanOrEqual(60_000);
  expect(inside.requestTimeout).toBeGreaterThan(0);
  expect(inside.requestTimeout).toBeLessThanOrEqual(300_000);
  expect(inside.listenerCount('upgrade') + inside.listenerCount('connect')).toBe(0);
});

const SLOW = {
  silence: '',
  'half a line': 'GET /met',
  'headers without an end': `${get(METRICS_PATH).slice(0, -2)}X-A: b`,
  'a body that does not come': get(METRICS_PATH, 'Content-Length: 1000').replace('GET', 'POST'),
  'a body in endless chunks': `${get(METRICS_PATH, 'Transfer-Encoding: chunked').replace('GET', 'POST')}5\r\nhello\r\n`,
  'an answer that is not read': get(METRICS_PATH).replace('close', 'keep-alive').repeat(50),
};

test('two hundred slow askers do not hold up a scrape', async () => {
  const { port } = await serving();
  const all = await Promise.all(
    Array.from({ length: 200 }, (_, i) => saying(port, Object.values(SLOW)[i % 3] as string)),
  );

  expect(await ask(`http://127.0.0.1:${port}${METRICS_PATH}`)).toMatchObject({ status: 200, body: BODY });
  expect(all.filter(({ heard }) => heard() !== '')).toEqual([]);
});

/** A program with us in it, which ends as soon as it is told to, if nothing holds it. */
async function registered(env: Record<string, string> = {}) {
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const child = start(programPath('waiting.ts'), {
    args: [`http://127.0.0.1:${asked.port}/`],
    node: ['--import', REGISTER.href],
    env: { OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`, ...env },
  });
  await child.wrote('ready');
  return { port, child };
}

test('slow askers of every kind do not keep the program alive', async () => {
  const { port, child } = await registered({ OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1' });
  const held = await Promise.all(
    Object.values(SLOW)
      .flatMap(bytes => Array.from({ length: 5 }, () => bytes))
      .map(async bytes => {
        const { socket } = await saying(port, bytes);
        socket.pause();
      }),
  );
  expect(held).toHaveLength(30);

  child.tell('enough');

  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
});

test('scrapers that hang up in the middle do not end the program', async () => {
  const { port, child } = await registered({ OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1' });
  for (let i = 0; i < 50; i++) {
    const { socket } = await saying(port, get(METRICS_PATH));
    if (i % 2 === 0) socket.resetAndDestroy();
    else socket.destroy();
  }

  expect(await ask(`http://127.0.0.1:${port}${METRICS_PATH}`)).toMatchObject({ status: 200 });
  child.tell('enough');
  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
});

test('where nothing is set, only this host can ask', async () => {
  const { port, child } = await registered();
  const others = Object.values(networkInterfaces())
    .flatMap(each => each ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address, scopeid }) => (scopeid ? undefined : address));

  expect(await ask(`http://localhost:${port}${METRICS_PATH}`)).toMatchObject({ status: 200 });
  // served at every address, it would be at these as well
  for (const address of ['127.0.0.2', ...others]) {
    if (address !== undefined) expect([address, await isServed(port, address)]).toEqual([address, false]);
  }
  child.tell('enough');
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

  child.tell('enough');

  const { code, stderr } = await child.outcome;
  expect(code).toBe(0);
  expect(stderr).toMatch(/^connmeter: cannot serve [^\p{Cc}\p{Cf}]{1,1000}\n$/u);
});

test('a variable that cannot be used is told in one short, legible line', async () => {
  const { child } = await registered({
    OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
    OTEL_METRICS_EXPORTER: `console-\x7f\u009b31m\u202e\n${'x'.repeat(10_000)}`,
  });

  child.tell('enough');

  const { code, stderr } = await child.outcome;
  expect(code).toBe(0);
  expect(stderr).toMatch(/^connmeter: OTEL_METRICS_EXPORTER must be [^\p{Cc}\p{Cf}]{1,1000}\n$/u);
});
