import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { readArguments } from '../../examples/incidents/arguments.ts';
import { nameOf, UPSTREAMS } from '../../examples/incidents/hosts.ts';
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
  readonly extra_hosts?: readonly string[];
  readonly platform?: string;
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

const VARIABLES = ['DEMO_PORT', 'PROMETHEUS_PORT', 'ALERTMANAGER_PORT', 'GRAFANA_PORT', 'SECONDS_PER_INCIDENT'];

testCompose.each([
  [[], ['19464', '19090', '19093', '13000', '240']],
  [
    ['1', '2', '3', '4', '60'],
    ['1', '2', '3', '4', '60'],
  ],
])('docker compose accepts the file, with the variables %j', (given, expected) => {
  const [command = '', ...args] = docker ?? [];

  const config = JSON.parse(
    execFileSync(command, [...args, '-f', COMPOSE, 'config', '--format', 'json'], {
      encoding: 'utf8',
      env: { ...process.env, ...Object.fromEntries(given.map((value, index) => [VARIABLES[index], value])) },
    }),
  ) as { services: Record<string, { ports: { host_ip: string; published: string }[]; command: string[] }> };

  const published = each.map(([name]) => config.services[name]?.ports.map(one => `${one.host_ip}:${one.published}`));
  expect(published).toEqual(expected.slice(0, 4).map(port => [`127.0.0.1:${port}`]));
  expect(config.services['demo']?.command).toContain(expected[4]);
});

test('the services are the demo, Prometheus, Alertmanager and Grafana', () => {
  expect(Object.keys(services)).toEqual(['demo', 'prometheus', 'alertmanager', 'grafana']);
});

test.each(each)(
  '%s has a pinned image for any platform, a health check, and ports on 127.0.0.1 only',
  (name, service) => {
    expect(service.platform).toBeUndefined();
    expect(service.image).toMatch(service.build ? /:local$/ : /:v?\d+\.\d+\.\d+$/);
    expect(service.healthcheck.test[0]).toBe('CMD');
    const [port, ...others] = service.ports;
    expect(port).toMatch(new RegExp(String.raw`^127\.0\.0\.1:\$\{${name.toUpperCase()}_PORT:-\d+\}:\d+$`));
    expect(others).toEqual([]);
  },
);

test('no port is one that programs often have, and the comments and docs name the ports', () => {
  const ports = each.map(([, { ports }]) => /:-(\d+)\}/.exec(ports[0] ?? '')?.[1]);

  expect(ports).toEqual(['19464', '19090', '19093', '13000']);
  const comments = readFileSync(COMPOSE, 'utf8').match(/^#.*$/gm)?.join('\n');
  for (const port of ports) expect(comments).toContain(`http://localhost:${port}`);
  const deploy = readFileSync(join(ROOT, 'docs/deploy.md'), 'utf8');
  for (const [name] of each) expect(deploy).toContain(`\`${name.toUpperCase()}_PORT\``);
  for (const port of ports) expect(deploy).toContain(`${port}`);
  expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain(`http://localhost:${ports[3]}`);
});

test('the demo resolves the names of its upstreams to its own container', () => {
  expect(service('demo').extra_hosts).toEqual(UPSTREAMS.map(name => `${nameOf(name)}:127.0.0.1`));
});

test('who opens Grafana can explore, without a login', () => {
  const { environment } = service('grafana');

  // Viewers cannot use Explore, and Grafana 12 removed the option for that.
  expect(environment).toMatchObject({ GF_AUTH_ANONYMOUS_ENABLED: 'true', GF_AUTH_ANONYMOUS_ORG_ROLE: 'Editor' });
  expect(environment).not.toHaveProperty('GF_USERS_VIEWERS_CAN_EDIT');
});

test('no service has a secret, and services wait for healthy services', () => {
  const variables = each.flatMap(([, { environment = {} }]) => Object.keys(environment));
  expect(variables.filter(name => /PASSWORD|SECRET|TOKEN|KEY/.test(name))).toEqual([]);

  const waitedFor = each.flatMap(([, { depends_on = {} }]) => Object.entries(depends_on));
  expect(waitedFor.map(([, { condition }]) => condition)).toEqual(waitedFor.map(() => 'service_healthy'));
  expect(waitedFor.filter(([name]) => !(name in services))).toEqual([]);
});

test.each(mounts)('$name mounts $to read-only from this repository, also with SELinux', ({ from, mode }) => {
  expect(existsSync(from), from).toBe(true);
  expect(mode.split(',').sort()).toEqual(['ro', 'z']);
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
  const inside = each.map(([name, { ports }]) => `${name}:${insidePort(ports[0])}`);

  for (const target of [...targets, new URL(source.url).host]) expect(inside).toContain(target);
  expect(scrape_configs[0].job_name).toBe(service('demo').environment?.['OTEL_SERVICE_NAME']);
  expect(source.jsonData.timeInterval).toMatch(new RegExp(`^${prometheusYml().global.scrape_interval}`));
});

test('the build context has the files of the image, and no others', () => {
  const copied = stages().flatMap(({ copied }) => copied.filter(({ stage }) => stage === undefined));
  const from = [...new Set(copied.map(({ from }) => from))];
  const included = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter(line => /^[^#]/.test(line));
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

  expect(included).toEqual(['*', ...from.map(path => `!${path}`)]);
  expect(from.filter(path => !existsSync(join(ROOT, path)))).toEqual([]);
  for (const { image } of stages()) expect(image).toMatch(new RegExp(`^node:${devDependencies.node}-`));
});

test('the image has no development dependencies, and does not run as root', () => {
  const { lines } = stages().at(-1) as Stage;

  expect(lines.filter(line => line.includes('npm'))).toEqual([
    expect.stringContaining('npm ci --omit=dev --ignore-scripts'),
  ]);
  expect(lines).toContain('USER node');
});

test('the image serves metrics on every address with what it has, and its health check works', {
  timeout: 60_000,
}, async () => {
  const { environment = {}, command = [], healthcheck, ports } = service('demo');
  const { lines } = stages().at(-1) as Stage;
  const image = imageFolder();
  const [, ...args] = JSON.parse(lines.find(line => line.startsWith('ENTRYPOINT'))?.slice(10) ?? '[]') as string[];
  const given = command.map(each => each.replace(/\$\{\w+:-(\w+)\}/, '$1'));
  const port = await freePort('0.0.0.0');
  const inside = insidePort(ports[0]);
  expect(lines).toContain(`EXPOSE ${inside}`);
  expect(readArguments(given)).toMatchObject({ port: Number(inside), repeat: true, secondsPerIncident: 240 });

  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', ...args, ...given, `--port=${port}`],
    {
      cwd: image,
      env: { ...process.env, ...environment },
      stdio: 'ignore',
    },
  );
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));

  // A server that answers on 127.0.0.9 listens on all addresses.
  const { body } = await until(
    () => httpRequest(`http://127.0.0.9:${port}/metrics`).catch(() => ({ body: '' })),
    ({ body }) => body.includes('connmeter_open_cause="new_pool"') && body.includes('connmeter_server_requests_total'),
    45_000,
  );
  const healthy = run(healthcheck.test, inside, port);
  child.kill();

  expect(body).toContain('service_name="checkout"');
  expect(healthy).toBe(0);
  expect(run(healthcheck.test, inside, 1)).not.toBe(0);
  expect(await ended).toEqual([0, null]);
});

interface Stage {
  readonly image: string | undefined;
  readonly lines: readonly string[];
  /** What it copies: from the build context, or from an earlier stage. */
  readonly copied: readonly { readonly stage: string | undefined; readonly from: string; readonly to: string }[];
}

/** The stages of the Dockerfile. */
function stages(): readonly Stage[] {
  const dockerfile = readFileSync(join(ROOT, service('demo').build?.dockerfile ?? ''), 'utf8');
  return dockerfile
    .split(/^FROM /m)
    .slice(1)
    .map(text => {
      const lines = text.split('\n');
      const copied = Array.from(
        text.matchAll(/^COPY (?:--from=(\w+) )?(.+) (\S+)$/gm),
        ([, stage, from = '', to = '']) =>
          from.split(' ').map(each => ({ stage, from: each, to: to === './' ? each : to })),
      );
      return { image: lines[0]?.split(' ')[0], lines, copied: copied.flat() };
    });
}

/** A folder with what the image has: the files of the last stage, and the packages that `npm ci --omit=dev` installs. */
function imageFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-image-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const { stage, from, to } of stages().at(-1)?.copied ?? []) {
    cpSync(join(ROOT, stage === undefined ? from : relative('/demo', from)), join(folder, to), { recursive: true });
  }
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: true; optional?: true; devOptional?: true }>;
  };
  for (const [path, { dev, devOptional, optional }] of Object.entries(packages)) {
    if (path === '' || dev || devOptional || optional || path.lastIndexOf('node_modules') > 0) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    symlinkSync(join(ROOT, path), join(folder, path));
  }
  return folder;
}

/** The port inside of the container. */
function insidePort(ports = ''): string {
  return /:(\d+)$/.exec(ports)?.[1] ?? '';
}

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
