import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { start } from '../support/child.ts';
import { installProject, type Project, packPackage } from './install.ts';

/** The versions of test runners that this is tested with. */
const PACKAGES = ['vitest@5.1.2', 'jest@30.5.2', 'mocha@12.0.3', '@opentelemetry/api@1.10.0', 'undici@8.12.4'];

let project: Project;
beforeAll(async () => {
  // At the same time, because both take long.
  const [{ tarball }, installed] = await Promise.all([packPackage(), installProject(...PACKAGES)]);
  project = installed;
  await project.install(tarball);
  project.write('pay.mjs', PAY);
  project.write('server.mjs', SERVER);
}, 180_000);

/** The code that the tests of the project test. */
const PAY = `
import http from 'node:http';
import { Agent, fetch as fetchOfUndici } from 'undici';

export async function isUp(url) {
  const response = await fetch(url + '/large'); // HERE unread
  return response.ok;
}

export async function isUpFixed(url) {
  const response = await fetch(url + '/large');
  await response.arrayBuffer();
  return response.ok;
}

export function statusOf(url) {
  return new Promise((resolve, reject) => {
    http.get(url, response => resolve(response.statusCode)).on('error', reject); // HERE unread by node:http
  });
}

export async function pay(url) {
  const response = await fetchOfUndici(url, { dispatcher: new Agent() }); // HERE client per request
  return response.text();
}

const dispatcher = new Agent({ connections: 1 });

export async function payFixed(url) {
  const response = await fetchOfUndici(url, { dispatcher });
  return response.text();
}
`;

const SERVER = `
import http from 'node:http';

export function listen() {
  const server = http.createServer((request, response) => response.end('x'.repeat(request.url === '/large' ? 1_000_000 : 1)));
  return new Promise(resolve => {
    server.listen(0, '127.0.0.1', () => resolve({ server, url: 'http://127.0.0.1:' + server.address().port }));
  });
}
`;

/** `file:line` of the comment HERE in the code. */
function line(what: string): string {
  return `pay.mjs:${PAY.split('\n').findIndex(each => each.endsWith(`HERE ${what}`)) + 1}`;
}

/** The same tests for every runner. The fixed ones come first, and a server for each, so that no test sees what another one left. */
const TESTS = `
async function withServer(run) {
  const { server, url } = await listen();
  try {
    return await run(url);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function times(count, run) {
  for (let i = 0; i < count; i++) await run();
}

test('read: passes', () => withServer(url => expectReuse(() => code.isUpFixed(url), { opened: 1 })));
test('unread: fails', () => withServer(url => expectReuse(() => code.isUp(url))));
test('unread by node:http: fails', () => withServer(url => expectReuse(() => code.statusOf(url))));
test('one client: passes', () => withServer(url => expectReuse(() => times(10, () => code.payFixed(url)), { opened: 1 })));
test('client per request: fails', () => withServer(url => expectReuse(() => times(10, () => code.pay(url)), { opened: 1 })));
`;

const MODULES = `
import { expectReuse } from 'connmeter/testing';
import * as code from './pay.mjs';
import { listen } from './server.mjs';
`;

const REQUIRED = `
const { expectReuse } = require('connmeter/testing');
const code = require('./pay.mjs');
const { listen } = require('./server.mjs');
`;

interface Runner {
  readonly file: string;
  readonly text: string;
  readonly node?: readonly string[];
  /** The program that node runs, below the project. */
  readonly program: string;
  readonly args?: readonly string[];
  /** How the runner reports a test. */
  readonly passed: (name: string) => RegExp;
  readonly failed: (name: string) => RegExp;
}

/** jest loads the package and the code as ES modules only with this flag. */
const ES_MODULES = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const JEST = (file: string, config: object = {}) => ({
  file,
  node: ES_MODULES,
  program: 'node_modules/jest/bin/jest.js',
  args: ['--config', JSON.stringify({ testMatch: [`**/${file}`], ...config })],
  passed: (name: string) => new RegExp(`✓ ${name}`),
  failed: (name: string) => new RegExp(`✕ ${name}`),
});

/** With an older Node, jest does not require ES modules. */
const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number);
const CAN_REQUIRE = MAJOR > 24 || (MAJOR === 24 && MINOR >= 9);

const RUNNERS: Readonly<Record<string, Runner>> = {
  vitest: {
    file: 'vitest.test.mjs',
    text: `import { test } from 'vitest';${MODULES}${TESTS}`,
    program: 'node_modules/vitest/vitest.mjs',
    args: ['run', '--reporter=verbose', 'vitest.test.mjs'],
    passed: name => new RegExp(`✓ \\S+ > ${name}`),
    failed: name => new RegExp(`× \\S+ > ${name}`),
  },
  jest: { ...JEST('jest.test.mjs'), text: `${MODULES}${TESTS}` },
  ...(CAN_REQUIRE && { 'jest, CommonJS': { ...JEST('jest.test.cjs'), text: `${REQUIRED}${TESTS}` } }),
  'jest, fake timers': {
    // With these three faked as well, undici itself hangs.
    ...JEST('fake.test.mjs', {
      fakeTimers: { enableGlobally: true, doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] },
    }),
    text: `${MODULES}${TESTS}`,
  },
  'node:test': {
    file: 'node.test.mjs',
    text: `import { test } from 'node:test';${MODULES}${TESTS}`,
    program: 'node.test.mjs',
    node: ['--test-reporter=spec'],
    passed: name => new RegExp(`✔ ${name}`),
    failed: name => new RegExp(`✖ ${name}`),
  },
  'node:test, measured by connmeter/register': {
    file: 'register.test.mjs',
    text: `import { test } from 'node:test';${MODULES}${TESTS}`,
    program: 'register.test.mjs',
    node: ['--test-reporter=spec', '--import', 'connmeter/register'],
    passed: name => new RegExp(`✔ ${name}`),
    failed: name => new RegExp(`✖ ${name}`),
  },
  mocha: {
    file: 'mocha.test.mjs',
    text: `const test = it;${MODULES}${TESTS}`,
    program: 'node_modules/mocha/bin/mocha.js',
    args: ['mocha.test.mjs'],
    passed: name => new RegExp(`✔ ${name}`),
    failed: name => new RegExp(`^ +\\d+\\) ${name}`, 'm'),
  },
};

describe.each(Object.entries(RUNNERS))('%s', (_name, { file, text, node = [], program, args = [], passed, failed }) => {
  test('a test fails if it wastes connections, with the cause, the line and the fix, and passes with the fix', async () => {
    project.write(file, text);

    const { code, stdout, stderr } = await start(join(project.path, program), {
      args,
      node,
      cwd: project.path,
      env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1', CI: 'true', OTEL_EXPORTER_PROMETHEUS_PORT: '0' },
    }).outcome;

    const said = `${stdout}${stderr}`;
    expect(code, said).not.toBe(0);
    for (const name of ['read: passes', 'one client: passes']) expect(said).toMatch(passed(name));
    for (const name of ['unread: fails', 'unread by node:http: fails', 'client per request: fails'])
      expect(said).toMatch(failed(name));
    const origin = '127\\.0\\.0\\.1:\\d+';
    expect(said).toMatch(new RegExp(`ConnectionsWasted: ${origin}: left 1 response unread, none was allowed`));
    expect(said).toMatch(new RegExp(` 1 x body_held: .*\\(${line('unread')}\\)\\. Fix: .`));
    expect(said).toMatch(new RegExp(` 1 x body_held: .*\\(${line('unread by node:http')}\\)\\. Fix: .`));
    expect(said).toMatch(new RegExp(`${origin}: opened 10 connections for 10 requests, at most 1 was allowed`));
    expect(said).toMatch(new RegExp(` 9 x new_pool: .*\\(${line('client per request')}\\)\\. Fix: .`));
    expect(said).toContain('https://github.com/connmeter/connmeter/blob/main/docs/causes.md#cause-new_pool');
    expect(said).toContain(file); // the runner shows the line of the test
  });
});
