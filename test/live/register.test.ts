import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent } from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { type Program, programPath, REGISTER, start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest, httpRequestUntilAnswered, isListening } from '../support/http-request.ts';
import { server } from '../support/server.ts';
import { until } from '../support/until.ts';

const IMPORT = ['--import', REGISTER.href];

interface Asked {
  /** The program, and its number of requests. */
  program?: string;
  more?: readonly (string | number)[];
  node?: readonly string[];
  env?: Readonly<Record<string, string>>;
}

/** Starts a program with connmeter, a free metrics port, and a server that it requests. */
async function registered({ program = 'keep-alive-client.ts', more = [], node = IMPORT, env = {} }: Asked = {}) {
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  return {
    asked,
    port,
    metrics: `http://127.0.0.1:${port}/metrics`,
    child: start(programPath(program), {
      args: [`http://127.0.0.1:${asked.port}/`, ...more],
      node,
      env: { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`, ...env },
    }),
  };
}

/** Occupies a port until the test ends. */
async function takenPort(): Promise<number> {
  const holder = net.createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void holder.close());
  await once(holder, 'listening');
  return (holder.address() as AddressInfo).port;
}

/** The sum of the samples with these labels. */
function sample(exposition: string, name: string, labels: Record<string, string | number>): number {
  return exposition
    .split('\n')
    .filter(line => line.startsWith(`${name}{`))
    .filter(line => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function endsWell(child: Program): Promise<void> {
  child.writeLine('enough');
  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
}

test('the metrics of the program are served at /metrics, and nothing is printed', async () => {
  const { asked, metrics, child } = await registered({ more: [5] });
  await child.printed('ready');

  const { status, headers, body } = await httpRequest(metrics);

  expect(status).toBe(200);
  expect(headers['content-type']).toMatch(/^text\/plain/);
  expect(await asked.seen()).toMatchObject({ accepts: 1, requests: 5 });
  const at = { server_address: '127.0.0.1', server_port: asked.port };
  expect(sample(body, 'connmeter_connection_opened_total', at)).toBe(1);
  expect(sample(body, 'connmeter_requests_total', { ...at, connmeter_connection_reused: 'false' })).toBe(1);
  expect(sample(body, 'connmeter_requests_total', { ...at, connmeter_connection_reused: 'true' })).toBe(4);
  expect(sample(body, 'http_client_open_connections', { ...at, http_connection_state: 'idle' })).toBe(1);
  await endsWell(child);
});

test('scrapes and the lookup of the own host are not counted', async () => {
  const { asked, port, child } = await registered({ env: { OTEL_EXPORTER_PROMETHEUS_HOST: 'localhost' } });
  await child.printed('ready');

  await httpRequestUntilAnswered(`http://localhost:${port}/metrics`);
  const { body } = await httpRequest(`http://localhost:${port}/metrics`);

  expect(new Set(body.match(/server_port="\d+"/g))).toEqual(new Set([`server_port="${asked.port}"`]));
  expect(body).not.toContain('dns_question_name');
  await endsWell(child);
});

test('promtool accepts the scrape', async context => {
  const { metrics, child } = await registered({ more: [3] });
  await child.printed('ready');
  const { body } = await httpRequest(metrics);

  const { error, stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], {
    input: body,
    encoding: 'utf8',
  });

  if (error) {
    console.error('*** NOT CHECKED: promtool is not on the PATH (Debian has it in the package "prometheus") ***');
    context.skip('promtool is not on the PATH');
  }
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});

test.each([
  ['true', 200],
  ['false', 404],
])('only GET and HEAD of /metrics are served, and of the page if CONNMETER_PAGE is %s', async (page, expected) => {
  const { port, metrics, child } = await registered({ env: { CONNMETER_PAGE: page } });
  await child.printed('ready');
  const status = async (url: string, method = 'GET') => (await httpRequest(url, { method })).status;

  expect(await status(metrics, 'POST')).toBe(405);
  expect(await status(metrics, 'DELETE')).toBe(405);
  for (const path of ['/', '/connmeter.json']) expect(await status(`http://127.0.0.1:${port}${path}`)).toBe(expected);
  expect(await status(`http://127.0.0.1:${port}/`, 'POST')).toBe(expected === 200 ? 405 : 404);
  expect(await status(`http://127.0.0.1:${port}/metrics/more`)).toBe(404);
  expect(await status(metrics, 'HEAD')).toBe(200);
  await endsWell(child);
});

test('target_info identifies the service', async () => {
  const { metrics, child } = await registered({
    env: {
      OTEL_SERVICE_NAME: 'checkout',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=ignored,service.version=1.2.3,deployment.environment.name=eu%20west',
    },
  });
  await child.printed('ready');

  const { body } = await httpRequest(metrics);

  const [targetInfo = ''] = body.match(/^target_info\{.*$/m) ?? [];
  expect(targetInfo).toContain('service_name="checkout"');
  expect(targetInfo).toContain('service_version="1.2.3"');
  expect(targetInfo).toContain('deployment_environment_name="eu west"');
  await endsWell(child);
});

test.each([
  ['OTEL_SDK_DISABLED', 'true'],
  ['OTEL_METRICS_EXPORTER', 'none'],
])('with %s=%s no port is opened and nothing is said, not in worker threads either', async (name, value) => {
  const { port, child } = await registered({ program: 'worker-threads.ts', more: [2], env: { [name]: value } });
  await child.printed('ready');

  expect(await isListening(port)).toBe(false);
  await endsWell(child);
});

test.each([
  [
    { OTEL_METRICS_EXPORTER: 'datadog' },
    false,
    'connmeter: OTEL_METRICS_EXPORTER must be prometheus, otlp, console or none, got "datadog"; using none\n',
  ],
  [{ OTEL_SDK_DISABLED: 'yes' }, true, 'connmeter: OTEL_SDK_DISABLED must be true or false, got "yes"; using false\n'],
])('with %j one line says what is wrong, and the program runs on', async (env, served, line) => {
  const { port, child } = await registered({ env });
  await child.printed('ready');

  expect(await isListening(port)).toBe(served);
  child.writeLine('enough');
  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: line });
});

test('an invalid port is replaced by the default, with one line on stderr', async () => {
  // Another loopback address, because the default port of the default address may be taken.
  const host = '127.77.1.1';
  const { child } = await registered({
    env: { OTEL_EXPORTER_PROMETHEUS_HOST: host, OTEL_EXPORTER_PROMETHEUS_PORT: '94640' },
  });
  await child.printed('ready');

  expect(await httpRequest(`http://${host}:9464/metrics`)).toMatchObject({ status: 200 });
  child.writeLine('enough');
  expect(await child.outcome).toEqual({
    code: 0,
    stdout: 'ready\n',
    stderr: 'connmeter: OTEL_EXPORTER_PROMETHEUS_PORT must be an integer from 0 to 65535, got "94640"; using 9464\n',
  });
});

test.each([
  ['127.0.0.2', '127.0.0.2', ['127.0.0.1', '::1']],
  ['::1', '[::1]', ['127.0.0.1']],
])('the metrics are served at the host %s, and only there', async (host, inUrl, elsewhere) => {
  const { port, child } = await registered({ env: { OTEL_EXPORTER_PROMETHEUS_HOST: host } });
  await child.printed('ready');

  expect(await httpRequest(`http://${inUrl}:${port}/metrics`)).toMatchObject({ status: 200 });
  for (const other of elsewhere) expect(await isListening(port, other)).toBe(false);
  await endsWell(child);
});

test('a host that is not local prints one line, and the program keeps running', async () => {
  // TEST-NET-1 (RFC 5737): no machine has this address
  const { port, child } = await registered({ env: { OTEL_EXPORTER_PROMETHEUS_HOST: '192.0.2.1' } });
  await child.printed('ready');

  child.writeLine('enough');

  expect(await child.outcome).toEqual({
    code: 0,
    stdout: 'ready\n',
    stderr: `connmeter: cannot serve http://192.0.2.1:${port}/metrics (EADDRNOTAVAIL)\n`,
  });
});

test('a taken port prints one line that names the fix, and the program keeps running', async () => {
  const taken = await takenPort();
  const { asked, child } = await registered({ env: { OTEL_EXPORTER_PROMETHEUS_PORT: `${taken}` } });
  await child.printed('ready');
  await until(
    () => child.said.stderr,
    text => text.endsWith('\n'),
  );

  child.writeLine('enough');

  expect(await child.outcome).toEqual({
    code: 0,
    stdout: 'ready\n',
    stderr: `connmeter: cannot serve http://127.0.0.1:${taken}/metrics (EADDRINUSE): another program has the port, or a process of another user or container: set OTEL_EXPORTER_PROMETHEUS_PORT to a free one\n`,
  });
  expect(await asked.seen()).toMatchObject({ accepts: 1, requests: 1 });
});

test('a second process of the same program is in the same sums, also when it has ended', async () => {
  const first = await registered({ more: [2] });
  await first.child.printed('ready');
  const second = await registered({ env: { OTEL_EXPORTER_PROMETHEUS_PORT: `${first.port}` } });
  await second.child.printed('ready');
  const openedAt = async (port: number) =>
    sample((await httpRequest(first.metrics)).body, 'connmeter_connection_opened_total', { server_port: port });

  await until(
    () => openedAt(second.asked.port),
    opened => opened === 1,
  );
  expect(await openedAt(first.asked.port)).toBe(1);
  await endsWell(second.child);
  expect(await openedAt(second.asked.port)).toBe(1);
  await endsWell(first.child);
});

test('without sharing, a second process of the same program prints one line, and the first one keeps its port', async () => {
  const first = await registered({ more: [2] });
  await first.child.printed('ready');
  const env = { OTEL_EXPORTER_PROMETHEUS_PORT: `${first.port}`, CONNMETER_SHARE: 'false' };
  const second = await registered({ env });
  await second.child.printed('ready');

  const { body } = await httpRequest(first.metrics);

  expect(sample(body, 'connmeter_connection_opened_total', { server_port: first.asked.port })).toBe(1);
  expect(body).not.toContain(`server_port="${second.asked.port}"`);
  second.child.writeLine('enough');
  const { code, stderr } = await second.child.outcome;
  expect(code).toBe(0);
  expect(stderr).toMatch(/^connmeter: cannot serve .* \(EADDRINUSE\): .*CONNMETER_SHARE=false.*\n$/);
  await endsWell(first.child);
});

test('worker threads are in the same sums, also those that have ended', async () => {
  const { asked, metrics, child } = await registered({ program: 'worker-threads.ts', more: [6] });
  await child.printed('ready');

  const { body } = await httpRequest(metrics);

  expect(await asked.seen()).toMatchObject({ requests: 6, accepts: 6 });
  expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(6);
  await endsWell(child);
});

const CLUSTERS = [
  ['the workers alone are', { more: [3, REGISTER.href], node: [] }],
  ['the primary is, too, and has nothing to measure', { more: [3], node: IMPORT }],
] as const;

test.each(CLUSTERS)('of a cluster, where %s measured, one process serves the sum of all', async (_who, how) => {
  const { asked, metrics, child } = await registered({ program: 'cluster.ts', ...how });
  await child.printed('ready');

  const scrapes = await Promise.all(Array.from({ length: 4 }, () => httpRequest(metrics)));

  expect(await asked.seen()).toMatchObject({ requests: 3 });
  for (const { body } of scrapes) {
    expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(3);
  }
  await endsWell(child);
});

test.each(CLUSTERS)(
  'without sharing, one worker of a cluster, where %s measured, serves and the others say a line',
  async (_who, how) => {
    const { asked, metrics, child } = await registered({
      program: 'cluster.ts',
      ...how,
      env: { CONNMETER_SHARE: 'false' },
    });
    await child.printed('ready');

    const { body } = await httpRequest(metrics);

    expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(1);
    child.writeLine('enough');
    const { code, stderr } = await child.outcome;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^(connmeter: cannot serve [^\n]* \(EADDRINUSE\)[^\n]*\n){2}$/);
  },
);

test('a launcher does not take the port of the program that it starts', async () => {
  const { asked, metrics, child } = await registered({ program: 'launcher.ts' });
  await child.printed('ready');

  const { body } = await httpRequest(metrics);

  expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(1);
  await endsWell(child);
});

test.each([
  ['before anything is measured', []],
  ['after a connection was opened', ['first']],
])("a program's own server keeps our port, %s, and one line says where we are", async (_when, more) => {
  const { asked, port, child } = await registered({ program: 'own-metrics-server.ts', more });
  await child.printed('ready');
  await until(
    () => child.said.stderr,
    stderr => stderr.endsWith('\n'),
  );

  expect(await httpRequest(`http://127.0.0.1:${port}/metrics`)).toMatchObject({ body: "the program's own" });
  const [, moved = ''] =
    /^connmeter: this program listens on port \d+ itself: [^\n]* (http:\S+);[^\n]*\n$/.exec(child.said.stderr) ?? [];
  const { body } = await httpRequest(moved);
  const listeners = new Set(body.match(/(?<=^connmeter_server_.*server_port=")\d+/gm));
  expect(listeners).toEqual(new Set([`${port}`]));
  expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(more.length);
  child.writeLine('enough');
  expect(await child.outcome).toMatchObject({ code: 0, stdout: 'ready\n' });
});

test('with port 0 one line says where the metrics are', async () => {
  const { asked, child } = await registered({ env: { OTEL_EXPORTER_PROMETHEUS_PORT: '0' } });
  await child.printed('ready');

  const { stderr } = child.said;
  const [, url = ''] =
    /^connmeter: the metrics are at (http:\/\/127\.0\.0\.1:\d+\/metrics) [^\n]*\n$/.exec(stderr) ?? [];
  const { body } = await httpRequest(url);

  expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(1);
});

test.runIf(process.allowedNodeEnvironmentFlags.has('--allow-net'))(
  'if --permission does not allow it, nothing is served and one line says what to add',
  async () => {
    const { port, child } = await registered({
      program: 'connect-refused.ts',
      node: ['--permission', '--allow-fs-read=*', '--disable-warning=SecurityWarning', ...IMPORT],
    });

    expect(await child.outcome).toEqual({
      code: 0,
      stdout: 'ERR_ACCESS_DENIED\n',
      stderr: `connmeter: cannot serve http://127.0.0.1:${port}/metrics: --permission does not allow it, add --allow-net\n`,
    });
  },
);

test('the Host header is checked, and CONNMETER_ALLOWED_HOSTS adds to what is allowed', async () => {
  const { metrics, child } = await registered({ env: { CONNMETER_ALLOWED_HOSTS: 'demo, bad:1' } });
  await child.printed('ready');
  const status = async (host: string) => (await httpRequest(metrics, { headers: { host } })).status;

  expect(await status('demo:9464')).toBe(200);
  expect(await status('localhost')).toBe(200);
  expect(await status('evil.test')).toBe(403);
  child.writeLine('enough');
  const { stderr } = await child.outcome;
  expect(stderr).toBe(
    'connmeter: CONNMETER_ALLOWED_HOSTS must be host names without ports, separated by commas, got "demo, bad:1"; using demo\n',
  );
});

test('a finished program exits at once although a scraper keeps its connection open', async () => {
  const { port, metrics, child } = await registered({ program: 'exits.ts', more: ['told'] });
  await child.printed('asked');
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  expect(await httpRequest(metrics, { agent })).toMatchObject({ status: 200 });
  const silent = net.connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void silent.destroy());
  await once(silent, 'connect');
  const told = performance.now();

  child.process.stdin?.end();

  expect(await child.outcome).toEqual({ code: 0, stdout: 'asked\n', stderr: '' });
  // Node's keep-alive timeout, which would end the connection, is 5 s.
  expect(performance.now() - told).toBeLessThan(2_500);
});

test.each([
  ['by itself', '', 0],
  ['by process.exit(3)', 'exit', 3],
  ['with process.exitCode = 4', 'exitCode', 4],
  ['by an uncaught error', 'throw', 1],
  ['by an unhandled rejection', 'reject', 1],
])('a program that ends %s keeps its exit code', async (_how, how, code) => {
  const { child } = await registered({ program: 'exits.ts', more: [how] });

  expect(await child.outcome).toMatchObject({ code, stdout: 'asked\n' });
});

test('a signal still ends the program', async () => {
  const { child } = await registered({ program: 'exits.ts', more: ['abort'] });

  await expect(child.outcome).rejects.toThrow('ended by SIGTERM');
});

test('the console exporter prints the metrics of a program that ends before the interval, and opens no port', async () => {
  const { port, child } = await registered({ env: { OTEL_METRICS_EXPORTER: 'console' } });
  await child.printed('ready');
  expect(await isListening(port)).toBe(false);

  child.writeLine('enough');

  const { code, stdout, stderr } = await child.outcome;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.match(/name: 'connmeter.connection.opened'/g)).toHaveLength(1);
});

test('the console exporter prints every OTEL_METRIC_EXPORT_INTERVAL', async () => {
  const { child } = await registered({
    env: { OTEL_METRICS_EXPORTER: 'console', OTEL_METRIC_EXPORT_INTERVAL: '50' },
  });
  await child.printed('ready');
  const printed = () => child.said.stdout.match(/name: 'connmeter.connection.opened'/g)?.length ?? 0;

  await expect.poll(printed, { timeout: 10_000 }).toBeGreaterThan(2);

  child.writeLine('enough');
  expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });
});

test('both exporters at once report the same', async () => {
  const { asked, metrics, child } = await registered({ env: { OTEL_METRICS_EXPORTER: 'console,prometheus' } });
  await child.printed('ready');

  const { body } = await httpRequest(metrics);

  expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(1);
  child.writeLine('enough');
  const { stdout } = await child.outcome;
  expect(stdout).toContain("name: 'connmeter.connection.opened'");
});

test('-r works like --import', async () => {
  const { asked, metrics, child } = await registered({ node: ['-r', fileURLToPath(REGISTER)] });
  await child.printed('ready');

  const { body } = await httpRequest(metrics);

  expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(1);
  await endsWell(child);
});

test('a MeterProvider that the program registered earlier gets the metrics, and no port is opened', async () => {
  const { port, child } = await registered({
    node: ['--import', new URL('../support/programs/global-provider.ts', import.meta.url).href, ...IMPORT],
  });
  await child.printed('ready');
  expect(await isListening(port)).toBe(false);

  child.writeLine('enough');

  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\ngiven: 1\n', stderr: '' });
});

test('a closed stderr does not end the program', async () => {
  const taken = await takenPort();
  const { child } = await registered({
    env: { OTEL_EXPORTER_PROMETHEUS_PORT: `${taken}`, OTEL_SDK_DISABLED: 'perhaps' },
  });
  child.process.stderr?.destroy();
  await child.printed('ready');

  child.writeLine('enough');

  expect(await child.outcome).toMatchObject({ code: 0, stdout: 'ready\n' });
});

test('the metrics server is not measured, and the server of the program is', async () => {
  const { metrics, port, child } = await registered({ program: 'one-server.ts' });
  await child.printed('listening');
  const own = Number(/listening (\d+)/.exec(child.said.stdout)?.[1]);
  await httpRequest(`http://127.0.0.1:${own}/`);
  await httpRequestUntilAnswered(metrics);

  const { body } = await httpRequest(metrics);

  const listeners = new Set(
    body
      .split('\n')
      .filter(line => line.startsWith('connmeter_server_'))
      .map(line => Number(/server_port="(\d+)"/.exec(line)?.[1])),
  );
  expect(listeners).toEqual(new Set([own]));
  expect(listeners).not.toContain(port);
  expect(sample(body, 'connmeter_server_connection_accepted_total', { server_port: own })).toBe(1);
});

test('a server of the program can serve the metrics itself', async () => {
  const { asked, child } = await registered({ program: 'own-endpoint.ts' });
  await child.printed('.');
  const [, port] = /listening (\d+)/.exec(child.said.stdout) ?? [];

  const { headers, body } = await httpRequest(`http://127.0.0.1:${port}/handler`);
  const beside = await httpRequest(`http://127.0.0.1:${port}/`);

  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(sample(body, 'connmeter_connection_opened_total', { server_port: asked.port })).toBe(1);
  expect(beside.body).toMatch(/^# mine\n# HELP target_info/);
  child.writeLine('enough');
  expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });
});

test('a second copy of connmeter, in a bundle for example, uses what the first one measures', async () => {
  const env = { REGISTER: REGISTER.href };
  const { asked, metrics, child } = await registered({ program: 'second-copy.ts', env });
  await child.printed('.');

  const { body } = await httpRequest(metrics);

  const at = { server_port: asked.port };
  expect(sample(body, 'connmeter_requests_total', at)).toBe(2);
  expect(sample(child.said.stdout, 'connmeter_requests_total', at)).toBe(2);
  expect(child.said.stdout).toMatch(/^origins 1\n/);
  child.writeLine('enough');
  expect(await child.outcome).toMatchObject({ code: 0, stderr: '' });
});
