import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { startAlertmanager, startWebhook } from '../support/alertmanager.ts';
import { freePort } from '../support/free-port.ts';
import { httpRequest } from '../support/http-request.ts';
import { pathOf, testWith } from '../support/installed.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { skipTests } from '../support/skip.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '../..');
const COMPOSE = join(ROOT, 'docker-compose.yml');

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly ports: readonly string[];
  readonly volumes?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

const { services, volumes } = parse(readFileSync(COMPOSE, 'utf8'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const each = Object.entries(services);
const service = (name: string) => services[name] as Service;

/** Files of the repository that are mounted into a service. */
const mounts = each.flatMap(([name, { volumes: mounted = [] }]) =>
  mounted.flatMap(mount => {
    const [from = '', to = '', mode = ''] = mount.split(':');
    return from.startsWith('./') ? [{ name, from: join(ROOT, from), to, mode }] : [];
  }),
);

const docker = findCompose();
const testCompose = docker
  ? test
  : skipTests('docker compose does not check docker-compose.yml: version 2 is not installed');

testCompose('docker compose accepts the file', () => {
  const [command = '', ...args] = docker ?? [];

  const config = JSON.parse(
    execFileSync(command, [...args, '-f', COMPOSE, 'config', '--format', 'json'], { encoding: 'utf8' }),
  );

  expect(Object.keys(config.services).sort()).toEqual(each.map(([name]) => name).sort());
});

test('the services are the demo, Prometheus, Alertmanager and Grafana', () => {
  expect(Object.keys(services)).toEqual(['demo', 'prometheus', 'alertmanager', 'grafana']);
});

test.each(each)('%s has a pinned image, a health check, and ports on 127.0.0.1 only', (_name, service) => {
  expect(service.image).toMatch(service.build ? /:local$/ : /:v?\d+\.\d+\.\d+$/);
  expect(service.healthcheck.test[0]).toBe('CMD');
  expect(service.ports).not.toEqual([]);
  for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
});

test('no service has a secret, and services wait for healthy services', () => {
  const variables = each.flatMap(([, { environment = {} }]) => Object.keys(environment));
  expect(variables.filter(name => /PASSWORD|SECRET|TOKEN|KEY/.test(name))).toEqual([]);

  const waitedFor = each.flatMap(([, { depends_on = {} }]) => Object.entries(depends_on));
  expect(waitedFor.map(([, { condition }]) => condition)).toEqual(waitedFor.map(() => 'service_healthy'));
  expect(waitedFor.filter(([name]) => !(name in services))).toEqual([]);
});

test.each(mounts)('$name mounts $to read-only from this repository', ({ from, mode }) => {
  expect(existsSync(from), from).toBe(true);
  expect(mode).toBe('ro');
});

test('all other volumes are declared', () => {
  const named = each.flatMap(([, { volumes: mounted = [] }]) => mounted.filter(mount => !mount.startsWith('./')));
  expect(named.map(mount => mount.split(':')[0]).sort()).toEqual(Object.keys(volumes).sort());
});

test('the configured files are mounted', () => {
  const seen = mounts.map(({ name, to }) => `${name} ${to}`);
  const config = (name: string) =>
    service(name)
      .command?.find(each => each.startsWith('--config.file='))
      ?.split('=')[1];
  const { GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: home = '' } = service('grafana').environment ?? {};
  const rules = join(config('prometheus') ?? '', '..', prometheusYml().rule_files[0] ?? '');

  expect(seen).toContain(`prometheus ${config('prometheus')}`);
  expect(seen).toContain(`prometheus ${rules}`);
  expect(seen).toContain(`alertmanager ${config('alertmanager')}`);
  expect(seen).toContain(`grafana ${home}`);
  const [provider] = parse(readFileSync(join(ROOT, 'deploy/grafana/dashboards.yml'), 'utf8')).providers;
  expect(home).toBe(`${provider.options.path}/connmeter.json`);
});

test('services use each other’s names and ports', () => {
  const { alerting, scrape_configs } = prometheusYml();
  const [source] = parse(readFileSync(join(ROOT, 'deploy/grafana/datasources.yml'), 'utf8')).datasources;
  const targets = [...alerting.alertmanagers, ...scrape_configs].flatMap(one => one.static_configs[0].targets);
  const inside = each.map(([name, { ports }]) => `${name}:${ports[0]?.split(':')[2]}`);

  for (const target of [...targets, new URL(source.url).host]) expect(inside).toContain(target);
  expect(source.jsonData.timeInterval).toMatch(new RegExp(`^${prometheusYml().global.scrape_interval}`));
});

test('the build context has the files of the image, and no others', () => {
  const { build } = service('demo');
  const dockerfile = readFileSync(join(ROOT, build?.dockerfile ?? ''), 'utf8');
  const copied = Array.from(dockerfile.matchAll(/^COPY (.+) \S+$/gm), ([, from = '']) => from.split(' ')).flat();
  const included = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter(line => /^[^#]/.test(line));
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

  expect(included).toEqual(['*', ...copied.map(path => `!${path}`)]);
  expect(copied.filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
  expect(dockerfile).toContain(`FROM node:${devDependencies.node}-`);
});

test('the demo of the image serves metrics on every address, and its health check works', async () => {
  const { environment = {}, healthcheck } = service('demo');
  const command = /^CMD (\[.*\])$/m.exec(readFileSync(join(ROOT, 'deploy/demo.Dockerfile'), 'utf8'))?.[1] ?? '[]';
  const [, ...args] = JSON.parse(command) as string[];
  const port = await freePort('0.0.0.0');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: ROOT,
    env: { ...process.env, ...environment, OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` },
    stdio: 'ignore',
  });
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));

  // A server that answers on 127.0.0.9 listens on all addresses.
  const { body } = await until(
    () => httpRequest(`http://127.0.0.9:${port}/metrics`).catch(() => ({ body: '' })),
    ({ body }) => body.includes('connmeter_requests_total'),
    25_000,
  );
  const healthy = run(healthcheck.test, '9464', port);
  child.kill();

  expect(body).toContain('service_name="demo"');
  expect(healthy).toBe(0);
  expect(run(healthcheck.test, '9464', 1)).not.toBe(0);
  expect(await ended).toEqual([0, null]);
});

testWith('prometheus', 'promtool')('the health check of Prometheus works', async () => {
  const { port } = new URL((await startPrometheus({})).url);

  expect(run(service('prometheus').healthcheck.test, '9090', port)).toBe(0);
  expect(run(service('prometheus').healthcheck.test, '9090', 1)).not.toBe(0);
});

testWith('prometheus-alertmanager', 'amtool')('the health check of Alertmanager works', async () => {
  const { port } = new URL(await startAlertmanager(await startWebhook()));

  expect(run(service('alertmanager').healthcheck.test, '9093', port)).toBe(0);
  expect(run(service('alertmanager').healthcheck.test, '9093', 1)).not.toBe(0);
});

/** Runs a health check with another port, and returns its exit code. */
function run([, command = '', ...args]: readonly string[], named: string, port: number | string): number {
  const moved = args.map(each => each.replace(`127.0.0.1:${named}`, `127.0.0.1:${port}`));
  expect(moved).not.toEqual(args);
  try {
    execFileSync(command === 'node' ? process.execPath : command, moved, { stdio: 'ignore' });
    return 0;
  } catch (error) {
    return (error as { status: number }).status;
  }
}

function prometheusYml() {
  return parse(readFileSync(join(ROOT, 'deploy/prometheus.yml'), 'utf8'));
}

/** The command of docker compose 2. CONNMETER_DOCKER_COMPOSE can have its path. */
function findCompose(): readonly string[] | undefined {
  const { CONNMETER_DOCKER_COMPOSE: path } = process.env;
  const candidates = [...(path ? [[path]] : []), ['docker', 'compose'], ['docker-compose']];
  return candidates.find(([command = '', ...args]) => {
    if (!existsSync(command) && pathOf(command) === undefined) return false;
    try {
      return /^v?[2-9]/.test(execFileSync(command, [...args, 'version', '--short'], { encoding: 'utf8' }));
    } catch {
      return false;
    }
  });
}
