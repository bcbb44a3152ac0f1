import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseExposition, type Sample } from '../../examples/demo/exposition.ts';
import { INCIDENTS } from '../../examples/incidents/all.ts';
import { readArguments } from '../../examples/incidents/arguments.ts';
import type { Incident } from '../../examples/incidents/incident.ts';
import { Stage } from '../../examples/incidents/stage.ts';
import { httpRequest } from '../support/http-request.ts';
import { until } from '../support/until.ts';

type Labels = Readonly<Record<string, string>>;

/** What has to grow while an incident is broken, and must not grow once it is fixed. */
interface Signal {
  readonly metric: string;
  readonly labels?: Labels;
  /** Grows by more than this. */
  readonly by: number;
  /** False if it stops some time after the fix. */
  readonly stops?: false;
}

const opened = (cause: string, reason?: string) => ({
  metric: 'connmeter_connection_opened_total',
  labels: { connmeter_open_cause: cause, ...(reason === undefined ? {} : { connmeter_close_reason: reason }) },
});

const SIGNALS: Readonly<Record<string, readonly Signal[]>> = {
  'client-per-request': [
    { ...opened('new_pool'), by: 20 },
    { metric: 'dns_lookup_duration_count', by: 20 },
  ],
  'unread-bodies': [
    { ...opened('body_held'), by: 5 },
    // When unread bodies of fetch are collected as garbage, undici opens some connections that it does not need.
    { metric: 'dns_lookup_duration_count', by: 5, stops: false },
    { metric: 'connmeter_body_held', by: 5, stops: false },
  ],
  // Seconds of waiting, all added up: see below for the mean.
  'slow-dns': [{ metric: 'dns_lookup_duration_sum', by: 4, stops: false }],
  'idle-closed-early': [
    { ...opened('replaced', 'server_idle_close'), by: 9 },
    { metric: 'connmeter_connection_idle_time_count', labels: { connmeter_idle_end: 'server' }, by: 9 },
  ],
  'pool-at-its-limit': [{ metric: 'connmeter_pool_saturated_total', by: 1 }],
  'server-gives-up-first': [
    { metric: 'connmeter_requests_failed_total', labels: { connmeter_connection_reused: 'true' }, by: 0 },
    {
      metric: 'connmeter_server_connection_idle_time_count',
      labels: { connmeter_idle_end: 'server', connmeter_client_proxied: 'true' },
      by: 3,
    },
  ],
};

/** All at the same time, because most of that is waiting. A test that is run again plays its incident again. */
const plays = new Map<string, Promise<void>>();
beforeAll(() => {
  for (const incident of INCIDENTS) plays.set(incident.name, play(incident));
  Promise.allSettled(plays.values()); // each test reports the failure of its own
});

test.each(INCIDENTS)('$name shows while it is broken, and ends with its fix', { timeout: 120_000 }, async incident => {
  const playing = plays.get(incident.name) ?? play(incident);
  plays.delete(incident.name);

  await playing;
});

async function play(incident: Incident): Promise<void> {
  const { name, upstream } = incident;
  const port = somePort();
  const stage = await Stage.start({ host: '127.0.0.1', port, service: name, onExit: () => {} });
  running.add(stage);
  const scrape = async () => {
    const { body } = await httpRequest(`http://127.0.0.1:${port}/metrics`);
    return new Scrape(parseExposition(body), stage.addressOf(upstream).replace(/.*:/, ''));
  };
  const signals = SIGNALS[name] ?? [];
  const growth = (from: Scrape, to: Scrape, asked = signals) =>
    Object.fromEntries(asked.map(({ metric, labels }) => [metric, to.sum(metric, labels) - from.sum(metric, labels)]));

  const start = await scrape();
  await stage.play(incident, 'broken');
  await until(
    async () => {
      await sleep(600); // two looks at a body, half a second apart, are needed to see that nobody reads it
      return growth(start, await scrape());
    },
    grown => signals.every(({ metric, by }) => Number(grown[metric]) > by),
    50_000,
  );
  await stage.pause();

  // The upstream has counted the same connections.
  const uncounted = async () => (await scrape()).sum('connmeter_connection_opened_total') - stage.accepted(upstream);
  await until(uncounted, count => count === 0);
  const broken = await scrape();
  const acceptedWhileBroken = stage.accepted(upstream);

  await stage.play(incident, 'fixed');
  // Connections that the broken half has left are closed, and the fixed one opens those that it needs.
  await until(
    async () => {
      const before = stage.accepted(upstream);
      await sleep(1_500);
      return stage.accepted(upstream) - before;
    },
    grown => grown === 0 || name === 'slow-dns',
    15_000,
  );
  const [settled, acceptedThen] = [await scrape(), stage.accepted(upstream)];
  await sleep(1_500 + Math.max(...incident.load.pauses));
  await stage.pause();
  const fixed = await scrape();

  const ended = signals.filter(({ stops = true }) => stops);
  expect(growth(settled, fixed, ended)).toEqual(Object.fromEntries(ended.map(({ metric }) => [metric, 0])));
  expect(fixed.sum('connmeter_requests_total') - settled.sum('connmeter_requests_total')).toBeGreaterThan(3);
  if (name === 'slow-dns') {
    const before = meanLookup(start, broken);
    expect(before).toBeGreaterThan(0.1);
    expect(meanLookup(broken, fixed)).toBeLessThan(before / 3);
  } else if (name === 'unread-bodies') {
    expect(stage.accepted(upstream) - acceptedThen).toBeLessThan(acceptedWhileBroken / 2);
  } else if (name !== 'server-gives-up-first') {
    // The careful client of that one closes connections itself, and its requests are up to 4.8 s apart.
    expect(stage.accepted(upstream) - acceptedThen).toBe(0);
  }

  await stage.stop();
}

function meanLookup(from: Scrape, to: Scrape): number {
  const [sum = 0, count = 0] = ['sum', 'count'].map(each => {
    const metric = `dns_lookup_duration_${each}`;
    return to.sum(metric) - from.sum(metric);
  });
  expect(count).toBeGreaterThan(20);
  return sum / count;
}

class Scrape {
  readonly #samples: readonly Sample[];
  readonly #port: string;

  /** Series about other upstreams than the one with this port are left out. */
  constructor(samples: readonly Sample[], port: string) {
    this.#samples = samples;
    this.#port = port;
  }

  /** The sum of the series that have these labels. */
  sum(metric: string, wanted: Labels = {}): number {
    return this.#samples
      .filter(({ name }) => name === metric)
      .filter(({ name, labels: { server_port = this.#port } }) => server_port === this.#port || /_server_/.test(name))
      .filter(({ labels }) => Object.entries(wanted).every(([label, value]) => labels[label] === value))
      .reduce((sum, { value }) => sum + value, 0);
  }
}

test('every incident has signals, and a name of its own', () => {
  expect(Object.keys(SIGNALS)).toEqual(INCIDENTS.map(({ name }) => name));
});

test('npm run incidents says what is staged, and ends by itself', { timeout: 90_000 }, async () => {
  const port = somePort();
  const program = start(['--only', 'pool-at-its-limit', '--seconds-per-incident', '2', '--port', `${port}`]);

  expect(await program.ended).toEqual([0, null]);
  expect(program.lines().map(line => line.replace(/^[\d:]{8} /, '').replace(/\d+/g, 'N'))).toEqual([
    'checkout runs; metrics: http://localhost:N/metrics',
    expect.stringMatching(/^pool-at-its-limit: broken: maxSockets: N for N requests at once: .* \(\S+:N\)$/),
    expect.stringMatching(/^pool-at-its-limit: fixed: maxSockets: N: .* \(\S+:N\)$/),
    'pool-at-its-limit: over; pricing accepted N new connections while broken, N while fixed',
  ]);
});

test('Ctrl-C stops everything that was started', { timeout: 90_000 }, async () => {
  const port = somePort();
  const program = start(['--only', 'pool-at-its-limit', '--repeat', '--port', `${port}`]);
  const lines = await until(program.lines, ([, staged]) => staged !== undefined, 30_000);
  const upstream = /\((\S+)\)$/.exec(lines[1] ?? '')?.[1];
  const answers = (address: string | undefined) =>
    httpRequest(`http://${address}/`).then(
      () => true,
      () => false,
    );
  expect([await answers(`127.0.0.1:${port}`), await answers(upstream)]).toEqual([true, true]);

  program.process.kill('SIGINT');

  expect(await program.ended).toEqual([0, null]);
  expect([await answers(`127.0.0.1:${port}`), await answers(upstream)]).toEqual([false, false]);
});

test('a port that is in use is refused in one line', { timeout: 90_000 }, async () => {
  const port = somePort();
  const first = start(['--only', 'pool-at-its-limit', '--repeat', '--port', `${port}`]);
  await until(first.lines, lines => lines.length > 0, 30_000);
  const second = start(['--port', `${port}`]);

  expect(await second.ended).toEqual([1, null]);
  expect(second.lines()).toEqual([`incidents: --port: expected a free port, got ${port} (EADDRINUSE)`]);
  first.process.kill('SIGTERM');
  expect(await first.ended).toEqual([0, null]);
});

test('without options, all incidents are staged', () => {
  expect(readArguments([])).toEqual({
    incidents: INCIDENTS,
    secondsPerIncident: 240,
    port: 19_464,
    repeat: false,
    list: false,
  });
  const all = ['--only=slow-dns', '--port', '1', '--seconds-per-incident', '2.5', '--repeat', '--list'];
  expect(readArguments(all)).toEqual({
    incidents: INCIDENTS.filter(({ name }) => name === 'slow-dns'),
    secondsPerIncident: 2.5,
    port: 1,
    repeat: true,
    list: true,
  });
});

test.each([
  [['--foo'], 'expected one of --seconds-per-incident, --port, --only, --repeat, --list, got "--foo"'],
  [['slow-dns'], 'expected one of --seconds-per-incident, --port, --only, --repeat, --list, got "slow-dns"'],
  [['--seconds-per-incident', '1'], '--seconds-per-incident: expected seconds from 2 to 86400, got "1"'],
  [['--seconds-per-incident', ''], '--seconds-per-incident: expected seconds from 2 to 86400, got ""'],
  [['--port', 'web'], '--port: expected a port from 1 to 65535, got "web"'],
  [['--port', '80.5'], '--port: expected a port from 1 to 65535, got "80.5"'],
  [['--port'], '--port: expected a port from 1 to 65535, got nothing'],
  [['--only', 'dns'], /^--only: expected one of client-per-request, .*, got "dns"$/],
  [['--repeat=yes'], '--repeat: expected no value, got "yes"'],
])('%j is refused in one line', (args, message) => {
  expect(() => readArguments(args)).toThrow(message);
});

const running = new Set<Stage>();
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const stage of running) await stage.stop();
});

function start(args: readonly string[]) {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      fileURLToPath(import.meta.resolve('../../examples/incidents/start.ts')),
      ...args,
    ],
    { env: { ...process.env, CONNMETER_LOG: 'none' } },
  );
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', text => {
      output += text;
    });
  }
  return { process: child, ended: once(child, 'close'), lines: () => output.split('\n').slice(0, -1) };
}

/** Below the ports of outgoing connections, of which there are many here. */
function somePort(): number {
  return 20_000 + Math.floor(Math.random() * 10_000);
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}
