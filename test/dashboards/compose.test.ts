import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { startAlertmanager, startWebhook } from '../support/alertmanager.ts';
import { ask, freePort } from '../support/child.ts';
import { pathOf, skipped, testWith } from '../support/installed.ts';
import { until } from '../support/measuring.ts';
import { startPrometheus } from '../support/prometheus.ts';

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

/** Files of the repository that a service gets to see: where they are, and where it sees them. */
const mounts = each.flatMap(([name, { volumes: mounted = [] }]) =>
  mounted.flatMap(mount => {
    const [from = '', to = '', mode = ''] = mount.split(':');
    return from.startsWith('./') ? [{ name, from: join(ROOT, from), to, mode }] : [];
  }),
);

const docker = findCompose();
const testCompose = docker
  ? test
  : skipped('docker-compose.yml is not checked by docker compose: there is no version 2 of it');

testCompose('docker compose takes the file', () => {
  const [command = '', ...args] = docker ?? [];

  const seen = JSON.parse(
    execFileSync(command, [...args, '-f', COMPOSE, 'config', '--format', 'json'], { encoding: 'utf8' }),
  );

  expect(Object.keys(seen.services).sort()).toEqual(each.map(([name]) => name).sort());
});

test('the services are the demo and what watches it', () => {
  expect(Object.keys(services)).toEqual(['demo', 'prometheus', 'alertmanager', 'grafana']);
});

test.each(each)('%s is pinned, can be asked how it is, and is reached from this machine only', (_name, service) => {
  expect(service.image).toMatch(service.build ? /:local$/ : /:v?\d+\.\d+\.\d+$/);
  expect(service.healthcheck.test[0]).toBe('CMD');
  expect(service.ports).not.toEqual([]);
  for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
});

test('nothing is a secret, and what one waits for can tell that it is there', () => {
  const variables = each.flatMap(([, { environment = {} }]) => Object.keys(environment));
  expect(variables.filter(name => /PASSWORD|SECRET|TOKEN|KEY/.test(name))).toEqual([]);

  const waitedFor = each.flatMap(([, { depends_on = {} }]) => Object.entries(depends_on));
  expect(waitedFor.map(([, { condition }]) => condition)).toEqual(waitedFor.map(() => 'service_healthy'));
  expect(waitedFor.filter(([name]) => !(name in services))).toEqual([]);
});

test.each(mounts)('$name may read $to, which is a file of this repository, and not write it', ({ from, mode }) => {
  expect(existsSync(from), from).toBe(true);
  expect(mode).toBe('ro');
});

test('every other volume is declared', () => {
  const named = each.flatMap(([, { volumes: mounted = [] }]) => mounted.filter(mount => !mount.startsWith('./')));
  expect(named.map(mount => mount.split(':')[0]).sort()).toEqual(Object.keys(volumes).sort());
});

test('what the services are told to read is mounted', () => {
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

test('they find each other by the names and ports that they have', () => {
  const { alerting, scrape_configs } = prometheusYml();
  const [source] = parse(readFileSync(join(ROOT, 'deploy/grafana/datasources.yml'), 'utf8')).datasources;
  const targets = [...alerting.alertmanagers, ...scrape_configs].flatMap(one => one.static_configs[0].targets);
  const inside = each.map(([name, { ports }]) => `${name}:${ports[0]?.split(':')[2]}`);

  for (const target of [...targets, new URL(source.url).host]) expect(inside).toContain(target);
  expect(source.jsonData.timeInterval).toMatch(new RegExp(`^${prometheusYml().global.scrape_interval}`));
});

test('the image is built of the files that it needs, and of no others', () => {
  const { build } = service('demo');
  const dockerfile = readFileSync(join(ROOT, build?.dockerfile ?? ''), 'utf8');
  const copied = Array.from(dockerfile.matchAll(/^COPY (.+) \S+$/gm), ([, from = '']) => from.split(' ')).flat();
  const admitted = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter(line => /^[^#]/.test(line));
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

  expect(admitted).toEqual(['*', ...copied.map(path => `!${path}`)]);
  expect(copied.filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
  expect(dockerfile).toContain(`FROM node:${devDependencies.node}-`);
});

test('the demo of the image serves its metrics on every address, and is asked how it is as compose does', async () => {
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

  // Any address of 127.0.0.0/8 is this machine, so who answers on another than the first listens on all.
  const { body } = await until(
    () => ask(`http://127.0.0.9:${port}/metrics`).catch(() => ({ body: '' })),
    ({ body }) => body.includes('connmeter_requests_total'),
    25_000,
  );
  const asked = run(healthcheck.test, '9464', port);
  child.kill();

  expect(body).toContain('service_name="demo"');
  expect(asked).toBe(0);
  expect(run(healthcheck.test, '9464', 1)).not.toBe(0);
  expect(await ended).toEqual([0, null]);
});

testWith('prometheus', 'promtool')('Prometheus is asked how it is as compose does', async () => {
  const { port } = new URL((await startPrometheus({})).url);

  expect(run(service('prometheus').healthcheck.test, '9090', port)).toBe(0);
  expect(run(service('prometheus').healthcheck.test, '9090', 1)).not.toBe(0);
});

testWith('prometheus-alertmanager', 'amtool')('Alertmanager is asked how it is as compose does', async () => {
  const { port } = new URL(await startAlertmanager(await startWebhook()));

  expect(run(service('alertmanager').healthcheck.test, '9093', port)).toBe(0);
  expect(run(service('alertmanager').healthcheck.test, '9093', 1)).not.toBe(0);
});

/** Runs a health check against another port than the one it names: its exit code. */
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

/** `docker compose` of version 2, however it is called here; CONNMETER_DOCKER_COMPOSE may say where it is. */
function findCompose(): readonly string[] | undefined {
  const { CONNMETER_DOCKER_COMPOSE: told } = process.env;
  const candidates = [...(told ? [[told]] : []), ['docker', 'compose'], ['docker-compose']];
  return candidates.find(([command = '', ...args]) => {
    if (!existsSync(command) && pathOf(command) === undefined) return false;
    try {
      return /^v?[2-9]/.test(execFileSync(command, [...args, 'version', '--short'], { encoding: 'utf8' }));
    } catch {
      return false;
    }
  });
}
