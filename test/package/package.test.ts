import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest } from '../support/http-request.ts';
import { server } from '../support/server.ts';
import { installProject, type Package, type Project, packPackage } from './install.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

/** All code but the page: the entry points, what they load later, and what several of them share. */
const CODE = [
  ...['attached', 'cli', 'index', 'local-page', 'register', 'start', 'start-in-thread', 'testing'],
  ...['shared', 'shared-processes', 'shared-register'],
];

const ANY_PORT = { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: '0' };

let product: Package;
let project: Project;
const installed = () => join(project.path, 'node_modules/connmeter');

beforeAll(async () => {
  product = await packPackage();
  project = await installProject(product.tarball);
}, 180_000);

test('contains exactly the files a user needs', () => {
  const ofPage = globSync('**/*.ts', { cwd: join(ROOT, 'src/page') }).map(path => path.replace(/ts$/, 'js'));

  expect(product.files.toSorted()).toEqual(
    [
      ...CODE.map(name => `dist/${name}.js`),
      ...ofPage.map(path => `dist/page/${path}`),
      ...[
        'client/attribution/call-sites',
        'client/attribution/request-lines',
        'client/snapshot',
        'client/watch-dispatcher',
        'client/with-caller',
        'core/causes',
        'core/errors',
        'core/goaway-codes',
        'core/origins',
        'core/phases',
        'core/reasons',
        'index',
        'instrumentation',
        'metrics/advice',
        'options',
        'register',
        'server/snapshot',
        'snapshot',
        'testing',
        'testing/changes',
        'testing/limits',
      ].map(name => `dist/${name}.d.ts`),
      ...['icon.svg', 'index.html', 'style.css'].map(name => `dist/page/${name}`),
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'package.json',
    ].toSorted(),
  );
});

test.each([
  ['ESM', 'main.mjs', "import { ConnectionInstrumentation } from 'connmeter';"],
  ['CommonJS', 'main.cjs', "const { ConnectionInstrumentation } = require('connmeter');"],
])('works from %s, and says nothing', async (_kind, name, importing) => {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const path = project.write(
    name,
    `${importing}
    const instrumentation = new ConnectionInstrumentation();
    console.log(instrumentation.instrumentationName, instrumentation.instrumentationVersion);`,
  );

  expect(await start(path).outcome).toEqual({ code: 0, stdout: `connmeter ${version}\n`, stderr: '' });
});

test('exports a class and a function, and no internal modules', async () => {
  const path = project.write(
    'exports.mjs',
    `import * as everything from 'connmeter';
    console.log(Object.keys(everything).join());
    import('connmeter/dist/core/guard.js').catch(({ code }) => console.log(code));
    console.log((await import('connmeter/package.json', { with: { type: 'json' } })).default.name);`,
  );

  expect((await start(path, { node: ['--disable-warning=ExperimentalWarning'] }).outcome).stdout.split('\n')).toEqual(
    expect.arrayContaining([
      'ConnectionInstrumentation,watchDispatcher,withCaller',
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
      'connmeter',
    ]),
  );
});

test('each module is in one file, so that its state exists once', () => {
  const sources = globSync('dist/*.js', { cwd: installed() }).flatMap(path =>
    Array.from(readFileSync(join(installed(), path), 'utf8').matchAll(/^\/\/ (src\/.*)$/gm), ([, source]) => source),
  );

  expect(sources).toEqual(expect.arrayContaining(['src/core/channels.ts', 'src/register.ts', 'src/start.ts']));
  expect(sources.toSorted()).toEqual([...new Set(sources)].sort());
});

test('installs one copy of each package of OpenTelemetry', () => {
  const copies = globSync('**/node_modules/@opentelemetry/*/package.json', { cwd: project.path });
  const names = copies.map(path => /node_modules\/(@opentelemetry\/[^/]+)\/package\.json$/.exec(path)?.[1]);

  expect(names.toSorted()).toEqual([
    '@opentelemetry/api',
    '@opentelemetry/core',
    '@opentelemetry/resources',
    '@opentelemetry/sdk-metrics',
    '@opentelemetry/semantic-conventions',
  ]);
});

test.each([
  ['connmeter', '@opentelemetry/api,connmeter'],
  ['connmeter/testing', 'connmeter'],
  ['connmeter/register', 'connmeter'],
])('%s loads the packages %s', async (entry, packages) => {
  const path = project.write(
    'packages.mjs',
    `import { registerHooks } from 'node:module';
    const packages = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        const resolved = next(specifier, context);
        packages.add(/node_modules\\/((@[^/]+\\/)?[^/]+)\\/(?!.*node_modules)/.exec(resolved.url)?.[1]);
        return resolved;
      },
    });
    await import('${entry}');
    packages.delete(undefined);
    console.log([...packages].sort().join());`,
  );

  expect(await start(path, { env: ANY_PORT }).outcome).toEqual({ code: 0, stdout: `${packages}\n`, stderr: '' });
});

const ASKING = `
  const http = await import('node:http');
  await new Promise(resolve => {
    http.get(process.argv[2], { agent: new http.Agent() }, response => response.resume().on('close', resolve));
  });
  console.log('ready');
  process.stdin.once('data', () => process.stdin.destroy());`;

test.each([
  ['--import', 'app.mjs', ASKING],
  ['--import', 'app.cjs', `(async () => {${ASKING}})();`],
  ['-r', 'app.cjs', `(async () => {${ASKING}})();`],
  ['-r', 'app.mjs', ASKING],
])('node %s connmeter/register %s serves metrics, and says nothing', async (flag, name, text) => {
  const asked = await server({ kind: 'http' });
  const port = await freePort();
  const child = start(project.write(name, text), {
    node: [flag, 'connmeter/register'],
    args: [`http://127.0.0.1:${asked.port}/`],
    env: { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` },
    cwd: project.path,
  });
  await child.printed('ready');

  const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);

  expect(await asked.seen()).toMatchObject({ accepts: 1 });
  expect(body).toMatch(new RegExp(`^connmeter_connection_opened_total\\{.*server_port="${asked.port}".*\\} 1$`, 'm'));
  child.writeLine('enough');
  expect(await child.outcome).toEqual({ code: 0, stdout: 'ready\n', stderr: '' });
});

const REGISTER = "import { instrumentation } from 'connmeter/register';";
const MAIN = "import { ConnectionInstrumentation } from 'connmeter';";
test.each([
  ['register first', 'register-first.mjs', REGISTER + MAIN],
  ['register last', 'register-last.mjs', MAIN + REGISTER],
  ['CommonJS', 'both.cjs', (REGISTER + MAIN).replace(/import (.*?) from (.*?);/g, 'const $1 = require($2);')],
])(
  'connmeter/register exports a running instance of the main entry class when its import returns: %s',
  async (_how, name, text) => {
    const path = project.write(name, `${text} console.log(instrumentation instanceof ConnectionInstrumentation);`);

    expect(await start(path, { env: ANY_PORT }).outcome).toEqual({ code: 0, stdout: 'true\n', stderr: '' });
  },
);

test('connmeter/register starts asynchronously if Node cannot require ES modules', async () => {
  const path = project.write(
    'later.mjs',
    `import * as register from 'connmeter/register';
    const timer = setInterval(() => {
      if (register.instrumentation !== undefined) clearInterval(timer);
    });`,
  );

  const { outcome } = start(path, { node: ['--no-experimental-require-module'], env: ANY_PORT });

  expect(await outcome).toEqual({ code: 0, stdout: '', stderr: '' });
});

test('its types are valid in ESM and CommonJS, in every declaration file', async () => {
  const use = `
    const config: ConnectionInstrumentationConfig = { enabled: false, maxOrigins: 5 };
    const instrumentation = new ConnectionInstrumentation(config);
    instrumentation.setConfig({ ...instrumentation.getConfig(), maxOrigins: 6 });
    instrumentation.enable();
    const name: string = instrumentation.instrumentationName;
    // @ts-expect-error: an unknown option, so that the types are checked and not any
    new ConnectionInstrumentation({ maxOrigin: 5, name });`;
  const useInTests = `
    const limits: ReuseLimits = { opened: 1, held: 0, failed: 0, origin: 'a.test:80' };
    const length: Promise<number> = expectReuse(async () => 'text', limits).then(text => text.length);
    const counts: Promise<number[]> = watchConnections(() => 1).then(({ result, origins }) =>
      [result, ...origins.flatMap(({ opened, held }) => [held, ...opened.map(({ count }) => count)])]);
    export const isWasted = (error: unknown) => error instanceof ConnectionsWasted && error.message;
    // @ts-expect-error: an unknown limit
    export const misspelt = [length, counts, expectReuse(() => 1, { open: 1 })];`;
  project.write(
    'types.mts',
    `import { ConnectionInstrumentation, type ConnectionInstrumentationConfig } from 'connmeter';
    import { ConnectionsWasted, expectReuse, type ReuseLimits, watchConnections } from 'connmeter/testing';
    import 'connmeter/register';${use}${useInTests}`,
  );
  project.write(
    'types.cts',
    `import connmeter = require('connmeter');
    import type { ConnectionInstrumentationConfig } from 'connmeter';
    import 'connmeter/register';
    import testing = require('connmeter/testing');
    import type { ReuseLimits } from 'connmeter/testing';
    const { ConnectionsWasted, expectReuse, watchConnections } = testing;
    const { ConnectionInstrumentation } = connmeter;${use}${useInTests}`,
  );
  project.write(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        module: 'nodenext',
        target: 'es2023',
        lib: ['es2023'],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        verbatimModuleSyntax: false,
        skipLibCheck: false,
        noEmit: true,
      },
      files: ['types.mts', 'types.cts'],
    }),
  );

  const compiled = await promisify(execFile)(process.execPath, [TSC, '-p', project.path]).catch(
    ({ stdout, stderr }) => ({ stdout, stderr }),
  );

  expect(compiled).toEqual({ stdout: '', stderr: '' });
});
