import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished, type test } from 'vitest';
import { type Point, Readings } from './instrument.ts';
import { testUnless } from './skip.ts';
import { until } from './until.ts';

/** A network namespace where only the programs of a test run, so that the kernel's counters count nothing else. */
export interface Namespace {
  /** Runs a program of `netns/` in the namespace until it exits. Returns its metrics and its report. `node`: options of Node. */
  run<Told extends object>(
    program: string,
    task?: object,
    options?: { node?: string[]; env?: Record<string, string> },
  ): Promise<Told & { readings: Readings }>;
  /** Starts the resolver for programs in the namespace: names and their addresses. A name without addresses does not exist. */
  resolver(names: Record<string, readonly string[]>): Promise<Resolver>;
}

export interface Resolver {
  readonly pid: number;
  /**
   * Queries per name, from the resolver's own log. One lookup for a socket queries the A and AAAA records at once, so
   * the A records give the number of lookups.
   */
  queries(): Record<string, number>;
  stop(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/**
 * `test` if network namespaces and the programs are available. Otherwise the tests are skipped with a warning, or fail
 * if CI=true.
 */
export function testInNamespace(...programs: string[]): typeof test {
  const obstacle = whatIsMissing(programs);
  const needs = `tests that need root, network namespaces and [${['ip', ...programs].join(' ')}]`;
  return testUnless(obstacle === undefined ? undefined : `${needs} cannot run: ${obstacle}`);
}

/**
 * Creates a namespace with loopback up, deleted after the test. `patience`: seconds a program waits for its resolver.
 * `hosts`: the content of /etc/hosts in the namespace.
 */
export function namespace({ patience = 1, hosts }: { patience?: number; hosts?: string } = {}): Namespace {
  const name = `connmeter-${randomUUID()}`;
  const etc = join('/etc/netns', name); // `ip netns exec` mounts these files over /etc
  onTestFinished(() => remove(name, etc));
  execFileSync('ip', ['netns', 'add', name]);
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  mkdirSync(etc, { recursive: true });
  // No query is repeated. A name that fails is also queried with the search domain, which would otherwise be the machine's.
  writeFileSync(
    join(etc, 'resolv.conf'),
    `nameserver 127.0.0.1\nsearch ${SEARCH}\noptions timeout:${patience} attempts:1\n`,
  );
  writeFileSync(join(etc, 'nsswitch.conf'), 'hosts: files dns\n');
  if (hosts !== undefined) writeFileSync(join(etc, 'hosts'), hosts);

  return {
    async run<Told extends object>(
      program: string,
      task: object = {},
      { node = [], env = {} }: { node?: string[]; env?: Record<string, string> } = {},
    ) {
      const file = join(ROOT, 'test/support/netns', program);
      const { stdout } = await promisify(execFile)(
        'ip',
        ['netns', 'exec', name, process.execPath, ...QUIET, ...node, file, JSON.stringify(task)],
        { cwd: ROOT, env: { ...process.env, ...env }, timeout: 58_000, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 },
      );
      const { metrics = {}, ...told } = JSON.parse(stdout) as Told & { metrics?: Record<string, Point[]> };
      return { ...(told as unknown as Told), readings: new Readings(new Map(Object.entries(metrics))) };
    },
    resolver: names => startResolver(name, names),
  };
}

const SEARCH = 'elsewhere.invalid';
const QUIET = ['--disable-warning=ExperimentalWarning'];

async function startResolver(namespace: string, names: Record<string, readonly string[]>): Promise<Resolver> {
  const folder = mkdtempSync(join(tmpdir(), 'connmeter-dns-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'log');
  writeFileSync(log, '');
  const child = spawn(
    'ip',
    [
      ...['netns', 'exec', namespace, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--pid-file='],
      ...['--user=root', '--listen-address=127.0.0.1', '--bind-interfaces', '--log-queries', `--log-facility=${log}`],
      ...['--no-hosts', '--no-resolv', '--cache-size=0'],
      ...Object.entries(names).flatMap(([name, addresses]) =>
        (addresses.length > 0 ? addresses : ['']).map(address => `--address=/${name}/${address}`),
      ),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = once(child, 'exit');
  onTestFinished(() => void child.kill('SIGKILL'));
  const written = () => readFileSync(log, 'utf8');
  await until(written, text => text.includes(' started, '));

  return {
    pid: child.pid as number,
    queries() {
      const count: Record<string, number> = {};
      for (const [, name = ''] of written().matchAll(/ query\[A\] (\S+) from /g)) {
        if (!name.endsWith(SEARCH)) count[name.toLowerCase()] = (count[name.toLowerCase()] ?? 0) + 1;
      }
      return count;
    },
    async stop() {
      child.kill();
      await ended;
    },
  };
}

function remove(name: string, etc: string): void {
  rmSync(etc, { recursive: true, force: true });
  try {
    rmdirSync('/etc/netns'); // fails if other namespaces use it
  } catch {}
  execFileSync('ip', ['netns', 'del', name]);
}

function whatIsMissing(programs: readonly string[]): string | undefined {
  const name = `connmeter-${randomUUID()}`;
  try {
    for (const program of programs) execFileSync(program, ['--version'], { stdio: 'pipe' });
    execFileSync('ip', ['netns', 'add', name], { stdio: 'pipe' });
    try {
      execFileSync('ip', ['netns', 'exec', name, 'true'], { stdio: 'pipe' });
    } finally {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'pipe' });
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}
