import { expect, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { type Outcome, type Program, programPath, REGISTER, start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest } from '../support/http-request.ts';
import { server } from '../support/server.ts';

const SUBSCRIBED = new URL('../support/programs/require-connmeter.ts', import.meta.url);
/** An empty module to import instead of connmeter, because any preload changes how Node starts a program. */
const WITHOUT_US = ['--import', 'data:text/javascript,0', '--import', 'data:text/javascript,0'];
const WITH_US = ['--import', REGISTER.href, '--import', SUBSCRIBED.href];

type Args = readonly (string | number)[];

async function startedWithUs(program: string, args: Args): Promise<Program & { readonly metrics: string }> {
  const port = await freePort();
  const env = { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` };
  return {
    ...start(programPath(program), { args, node: WITH_US, env }),
    metrics: `http://127.0.0.1:${port}/metrics`,
  };
}

/**
 * Removes what differs between runs. The frame in Node that emits an event depends on the number of listeners; the rest
 * of a stack does not.
 */
function comparable({ code, stdout, stderr }: Outcome): Outcome {
  return {
    code,
    stdout,
    stderr: stderr
      .replace(/(node:[\w/]+):\d+(:\d+)?/g, '$1')
      .replace(/localPort: \d+/, 'localPort: some')
      .replace(/\(node:\d+\)/g, '(node)'),
  };
}

/** Output and exit code of a program, without and with connmeter. */
async function bothWays(program: string, args: Args): Promise<{ plain: Outcome; measured: Outcome }> {
  const plain = await start(programPath(program), { args, node: WITHOUT_US }).outcome;
  const measured = await (await startedWithUs(program, args)).outcome;
  return { plain: comparable(plain), measured: comparable(measured) };
}

async function secureServer(kind: 'https' | 'tls') {
  return server({ kind, certificate: await certificate() });
}

test.each([
  // what fails, exit code, part of stderr
  ['socket', 1, 'connect ECONNREFUSED'],
  ['tls', 1, 'connect ECONNREFUSED'],
  ['http', 1, 'connect ECONNREFUSED'],
  ['http2', 1, 'connect ECONNREFUSED'],
  ['bad port', 1, 'ERR_SOCKET_BAD_PORT'],
  ['bad lookup', 1, 'no such name'],
  ['throwing lookup', 1, 'thrown by lookup'],
])('a program that does not handle an error of %s exits with the same error output', async (what, code, words) => {
  const refused = await freePort();

  const { plain, measured } = await bothWays('unhandled-errors.ts', [what, refused]);

  expect(plain).toMatchObject({ code, stderr: expect.stringContaining(words) });
  expect(measured).toEqual(plain);
});

test.each([
  ['http body', 'socket hang up'],
  ['fetch', 'fetch failed'],
  ['listener', 'thrown by a listener'],
  ['close listener', 'thrown at close'],
])(
  'a program that does not handle an error of %s after connecting exits with the same error output',
  async (what, words) => {
    const { port } = await server({ kind: 'http' });

    const { plain, measured } = await bothWays('unhandled-errors.ts', [what, port]);

    expect(plain).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
    expect(measured).toEqual(plain);
  },
);

test.each(['socket', 'tls', 'http', 'http2', 'bad port', 'bad lookup', 'throwing lookup'])(
  "the program's own uncaughtException handler sees the same of a failing %s",
  async what => {
    const refused = await freePort();

    const { plain, measured } = await bothWays('unhandled-errors.ts', [what, refused, 'caught']);

    expect(plain.stdout).toContain('uncaught');
    expect(measured).toEqual(plain);
  },
);

test('an untrusted certificate ends the program with the same error', async () => {
  const { port } = await secureServer('tls');

  const { plain, measured } = await bothWays('unhandled-errors.ts', ['tls', port]);

  expect(plain).toMatchObject({ code: 1, stderr: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') });
  expect(measured).toEqual(plain);
});

test('a socket takes as many listeners as without connmeter before Node warns of a leak, one fewer with node:http', async () => {
  const { port } = await server({ kind: 'http' });
  const { port: tlsPort } = await secureServer('tls');

  const { plain, measured } = await bothWays('listener-limits.ts', [port, tlsPort]);

  expect(plain).toMatchObject({ code: 0, stderr: expect.not.stringContaining('failed') });
  expect(plain.stdout).toContain('net close takes 10\n');
  const room = ({ stdout }: Outcome) =>
    stdout
      .trimEnd()
      .split('\n')
      .map(line => [/.* takes/.exec(line)?.[0] ?? line, Number(line.split(' ').at(-1))] as const);
  const lessRoom = room(plain).map(([what, takes], i) => [what, takes - (room(measured)[i]?.[1] ?? 0)] as const);

  expect(room(measured)).toHaveLength(room(plain).length);
  expect(lessRoom.filter(([what, less]) => less !== 0 && !(what.startsWith('http') && less === 1))).toEqual([]);
});

test('unread data stays unread, and is complete when the program reads it later', async () => {
  const { port } = await server({ kind: 'http' });

  const { plain, measured } = await bothWays('unread-bodies.ts', [port]);

  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect(plain.stdout).toContain('untouched null false some\nkept true\nread true\n');
  expect(plain.stdout).toContain('paused false true');
  expect(measured).toEqual(plain);
});

test('the program sees its events and event-loop turns in the same order', async () => {
  const { port: tcpPort } = await server({ kind: 'tcp' });
  const { port: httpPort } = await server({ kind: 'http' });
  const { port: tlsPort } = await secureServer('tls');

  const { plain, measured } = await bothWays('client-events.ts', [tcpPort, httpPort, tlsPort]);

  expect(plain).toMatchObject({ code: 0, stderr: '' });
  for (const told of ['tcp lookup', 'tls secureConnect', 'refused error', 'reused true', 'fetch 200', 'beforeExit 0'])
    expect(plain.stdout).toContain(told);
  expect(measured.stdout).toBe(plain.stdout);
  expect(measured).toEqual(plain);
});

test('servers behave as without connmeter, and see their events in the same order', async () => {
  const { key, cert } = await certificate();
  const inBase64 = [key, cert].map(text => Buffer.from(text).toString('base64'));

  const { plain, measured } = await bothWays('server-events.ts', inBase64);

  expect(plain).toMatchObject({ code: 0, stderr: '' });
  for (const told of [
    '400 Bad Request',
    '408 Request Timeout',
    '100 Continue',
    'http drop',
    'impatient accepted timeout',
  ])
    expect(plain.stdout).toContain(told);
  expect(measured.stdout).toBe(plain.stdout);
  expect(measured).toEqual(plain);
});

test.each(['a listener of the server', 'the handler'])(
  'a server that throws in %s exits with the same error output',
  async where => {
    const { plain, measured } = await bothWays('failing-server.ts', [where]);

    expect(plain).toMatchObject({ code: 1, stderr: expect.stringContaining(`thrown by ${where}`) });
    expect(measured).toEqual(plain);
  },
);

test('every callback has the same AsyncLocalStorage store', async () => {
  const { port: httpPort } = await server({ kind: 'http' });
  const { port: tlsPort } = await secureServer('tls');

  const { plain, measured } = await bothWays('async-local-storage.ts', [httpPort, tlsPort]);

  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect(plain.stdout).toContain('net connect first\n');
  expect(plain.stdout).toContain('outside undefined\n');
  expect(measured).toEqual(plain);
});

test.each(['replaced', 'mocked'])(
  'with timers and clocks %s, the program, counts and durations stay right',
  async how => {
    const { port, seen } = await server({ kind: 'http' });
    const plain = start(programPath('fake-timers.ts'), { args: [how, port], node: WITHOUT_US });
    await plain.printed('ready');
    const measured = await startedWithUs('fake-timers.ts', [how, port]);
    await measured.printed('ready');

    const { status, body } = await httpRequest(measured.metrics);

    expect(measured.said.stdout).toBe(plain.said.stdout);
    expect(status).toBe(200);
    expect(await seen()).toMatchObject({ accepts: 4, requests: 4 });
    expect(sum(body, 'connmeter_connection_opened_total')).toBe(2);
    expect(sum(body, 'connmeter_requests_total')).toBe(2);
    expect(sum(body, 'connmeter_connect_duration_count')).toBe(2);
    expect(sum(body, 'connmeter_connect_duration_sum')).toBeGreaterThan(0);
    expect(sum(body, 'connmeter_connect_duration_sum')).toBeLessThan(5);
    for (const { writeLine } of [plain, measured]) writeLine('enough');
    expect(comparable(await measured.outcome)).toEqual(comparable(await plain.outcome));
  },
);

function sum(exposition: string, name: string): number {
  return exposition
    .split('\n')
    .filter(line => line.startsWith(`${name}{`))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}

test('unreadable messages are reported once per place, and change nothing', async () => {
  const { port } = await server({ kind: 'http' });
  const run = (kind: string) => start(programPath('invalid-messages.ts'), { args: [port, kind] }).outcome;
  const plain = await run('alone');

  const { code, stdout, stderr } = await run('collecting');

  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  const reports = lines.filter(line => line.startsWith('connmeter: '));
  const counted = lines.filter(line => line.startsWith('counted '));
  expect(reports.toSorted()).toEqual(
    [
      'http.client.request.created',
      'http.client.request.start',
      'http.client.response.finish',
      'http2.client.stream.close',
      'http2.client.stream.start',
      'net.client.socket',
      'undici:client:beforeConnect',
      'undici:client:connected',
      'undici:client:sendHeaders',
      'undici:request:create',
      'waiting request',
    ].map(place => `connmeter: internal error in ${place}; the program is not affected`),
  );
  expect(lines.filter(line => !reports.includes(line) && !counted.includes(line))).toEqual(
    plain.stdout.trimEnd().split('\n'),
  );
  expect(counted).toEqual(
    expect.arrayContaining([
      'counted connmeter.connection.opened 3',
      'counted connmeter.connection.closed 3',
      'counted connmeter.connection.failed 0',
      'counted connmeter.requests 3',
      'counted http.client.open_connections 0',
    ]),
  );
});

test('a diag logger that throws does not end the program', async () => {
  const { port } = await server({ kind: 'http' });
  const run = (kind: string) => start(programPath('invalid-messages.ts'), { args: [port, kind] }).outcome;

  const { stdout, ...end } = await run('throwing');

  const plain = await run('alone');
  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect({ ...end, stdout: stdout.replace(/^counted .*\n/gm, '') }).toEqual(plain);
});
