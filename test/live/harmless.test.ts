import { expect, test } from 'vitest';
import { certificate } from '../support/certificates.ts';
import { ask, freePort, type Outcome, type Program, programPath, REGISTER, start } from '../support/child.ts';
import { server } from '../support/server.ts';

const SUBSCRIBED = new URL('../support/programs/subscribed.ts', import.meta.url);
/** Something to import for the program without us too: a preload changes by itself how Node starts a program. */
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
 * Without what differs from run to run. Where in Node itself an event is emitted depends on the number of listeners; all
 * else in a stack must not.
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

/** What a program prints and how it ends, without us and with us. */
async function bothWays(program: string, args: Args): Promise<{ plain: Outcome; measured: Outcome }> {
  const plain = await start(programPath(program), { args, node: WITHOUT_US }).outcome;
  const measured = await (await startedWithUs(program, args)).outcome;
  return { plain: comparable(plain), measured: comparable(measured) };
}

async function secureServer(kind: 'https' | 'tls') {
  return server({ kind, certificate: await certificate() });
}

test.each([
  // what fails, the program's end, something its stderr says
  ['socket', 1, 'connect ECONNREFUSED'],
  ['tls', 1, 'connect ECONNREFUSED'],
  ['http', 1, 'connect ECONNREFUSED'],
  ['http2', 1, 'connect ECONNREFUSED'],
  ['bad port', 1, 'ERR_SOCKET_BAD_PORT'],
  ['bad lookup', 1, 'no such name'],
  ['throwing lookup', 1, 'thrown by lookup'],
])(
  'a program that does not handle its failing %s dies of the same error, in the same words',
  async (what, code, words) => {
    const refused = await freePort();

    const { plain, measured } = await bothWays('failing.ts', [what, refused]);

    expect(plain).toMatchObject({ code, stderr: expect.stringContaining(words) });
    expect(measured).toEqual(plain);
  },
);

test.each([
  ['http body', 'socket hang up'],
  ['fetch', 'fetch failed'],
  ['listener', 'thrown by a listener'],
  ['close listener', 'thrown at close'],
])(
  'a program that does not handle its failing %s dies of the same error where there is a server',
  async (what, words) => {
    const { port } = await server({ kind: 'http' });

    const { plain, measured } = await bothWays('failing.ts', [what, port]);

    expect(plain).toMatchObject({ code: 1, stderr: expect.stringContaining(words) });
    expect(measured).toEqual(plain);
  },
);

test.each(['socket', 'tls', 'http', 'http2', 'bad port', 'bad lookup', 'throwing lookup'])(
  "the program's own uncaughtException handler sees the same of a failing %s",
  async what => {
    const refused = await freePort();

    const { plain, measured } = await bothWays('failing.ts', [what, refused, 'caught']);

    expect(plain.stdout).toContain('uncaught');
    expect(measured).toEqual(plain);
  },
);

test('a certificate nobody trusts ends the program with the same error', async () => {
  const { port } = await secureServer('tls');

  const { plain, measured } = await bothWays('failing.ts', ['tls', port]);

  expect(plain).toMatchObject({ code: 1, stderr: expect.stringContaining('DEPTH_ZERO_SELF_SIGNED_CERT') });
  expect(measured).toEqual(plain);
});

test('sockets take as many listeners as without us before Node warns of a leak, those of node:http one fewer', async () => {
  const { port } = await server({ kind: 'http' });
  const { port: tlsPort } = await secureServer('tls');

  const { plain, measured } = await bothWays('listening.ts', [port, tlsPort]);

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

test('what the program does not read stays unread, and what it reads later is all there', async () => {
  const { port } = await server({ kind: 'http' });

  const { plain, measured } = await bothWays('holding.ts', [port]);

  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect(plain.stdout).toContain('untouched null false some\nkept true\nread true\n');
  expect(plain.stdout).toContain('paused false true');
  expect(measured).toEqual(plain);
});

test('the program sees its events, and its turns of the loop, in the same order', async () => {
  const { port: tcpPort } = await server({ kind: 'tcp' });
  const { port: httpPort } = await server({ kind: 'http' });
  const { port: tlsPort } = await secureServer('tls');

  const { plain, measured } = await bothWays('telling.ts', [tcpPort, httpPort, tlsPort]);

  expect(plain).toMatchObject({ code: 0, stderr: '' });
  for (const told of ['tcp lookup', 'tls secureConnect', 'refused error', 'reused true', 'fetch 200', 'beforeExit 0'])
    expect(plain.stdout).toContain(told);
  expect(measured.stdout).toBe(plain.stdout);
  expect(measured).toEqual(plain);
});

test('servers do by themselves what they do without us, and see their events in the same order', async () => {
  const { key, cert } = await certificate();
  const inBase64 = [key, cert].map(text => Buffer.from(text).toString('base64'));

  const { plain, measured } = await bothWays('serving.ts', inBase64);

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
  'a server whose program throws in %s dies of it in the same words',
  async where => {
    const { plain, measured } = await bothWays('failing-server.ts', [where]);

    expect(plain).toMatchObject({ code: 1, stderr: expect.stringContaining(`thrown by ${where}`) });
    expect(measured).toEqual(plain);
  },
);

test('the stores of AsyncLocalStorage are the same in every callback', async () => {
  const { port: httpPort } = await server({ kind: 'http' });
  const { port: tlsPort } = await secureServer('tls');

  const { plain, measured } = await bothWays('remembering.ts', [httpPort, tlsPort]);

  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect(plain.stdout).toContain('net connect first\n');
  expect(plain.stdout).toContain('outside undefined\n');
  expect(measured).toEqual(plain);
});

test.each(['replaced', 'mocked'])(
  'with time %s by fakes neither the program nor a count nor a duration is off',
  async how => {
    const { port, seen } = await server({ kind: 'http' });
    const plain = start(programPath('faking.ts'), { args: [how, port], node: WITHOUT_US });
    await plain.wrote('ready');
    const measured = await startedWithUs('faking.ts', [how, port]);
    await measured.wrote('ready');

    const { status, body } = await ask(measured.metrics);

    expect(measured.said.stdout).toBe(plain.said.stdout);
    expect(status).toBe(200);
    expect(await seen()).toMatchObject({ accepts: 4, requests: 4 });
    expect(sum(body, 'connmeter_connection_opened_total')).toBe(2);
    expect(sum(body, 'connmeter_requests_total')).toBe(2);
    expect(sum(body, 'connmeter_connect_duration_count')).toBe(2);
    expect(sum(body, 'connmeter_connect_duration_sum')).toBeGreaterThan(0);
    expect(sum(body, 'connmeter_connect_duration_sum')).toBeLessThan(5);
    for (const { tell } of [plain, measured]) tell('enough');
    expect(comparable(await measured.outcome)).toEqual(comparable(await plain.outcome));
  },
);

function sum(exposition: string, name: string): number {
  return exposition
    .split('\n')
    .filter(line => line.startsWith(`${name}{`))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}

test('messages we cannot read are reported once per place, and change nothing', async () => {
  const { port } = await server({ kind: 'http' });
  const run = (kind: string) => start(programPath('confusing.ts'), { args: [port, kind] }).outcome;
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

test('a diag logger that throws ends nobody', async () => {
  const { port } = await server({ kind: 'http' });
  const run = (kind: string) => start(programPath('confusing.ts'), { args: [port, kind] }).outcome;

  const { stdout, ...end } = await run('throwing');

  const plain = await run('alone');
  expect(plain).toMatchObject({ code: 0, stderr: '' });
  expect({ ...end, stdout: stdout.replace(/^counted .*\n/gm, '') }).toEqual(plain);
});
