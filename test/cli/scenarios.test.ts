import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { appliesTo, CLIENTS, type ClientName, type Scenario, type Variant } from '../../examples/scenarios/scenario.ts';
import type { FindingKind } from '../../src/explain/explanations.ts';
import type { Overview } from '../../src/explain/overview.ts';
import { certificate } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { startServer } from '../support/server.ts';

// The programs of examples/scenarios under the command `connmeter`: each wasteful one has its true story first, with a line of the
// program, and the fixed ones have no findings.

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'examples/scenarios');
const NOT_SCENARIOS = ['basic.ts', 'run.ts', 'scenario.ts'];
/** Over HTTP/2, fetch needs a setting of the whole process. */
const CLIENT_OF: Readonly<Record<string, ClientName>> = { 'http2-goaway': 'undici8', 'http2-stampede': 'undici8' };

/** What each wasteful program wastes. `none`: nothing that can be changed, or too little for a finding on a slow machine. */
const STORIES: Readonly<Record<string, readonly (FindingKind | 'none')[]>> = {
  'aborted-before-answer': ['request_aborted'],
  burst: ['pool_busy', 'none'],
  'cancelled-body': ['body_cancelled'],
  'client-per-request': ['new_pool'],
  'close-header': ['server_close_header'],
  'connect-refused': ['failed_connect'],
  crawler: ['none'], // two connections per host
  'dispatcher-destroyed': ['new_pool'],
  head: ['not_reusable_method'],
  'headers-timeout': ['request_timeout'],
  'http10-server': ['server_close_header'],
  'http2-goaway': ['goaway'],
  'http2-stampede': ['none'], // undici 8 waits for the protocol
  'idle-closed-by-server': ['server_idle_close'],
  'keep-alive-off': ['keep_alive_off'],
  'max-free-sockets': ['pool_full'],
  'max-requests-per-client': ['max_requests'],
  'name-not-found': ['failed_dns'],
  'proxy-tunnel': ['new_pool'],
  'reset-on-reuse': ['server_closed_active'],
  'short-keep-alive': ['keep_alive_hint_too_short'],
  'tls-failure': ['failed_tls'],
  'unread-body': ['body_held'],
  websocket: ['none'],
};

/** Its server resets connections: the fixed program sends lost requests again. */
const NOT_FIXED = ['reset-on-reuse'];

async function play(kind: 'wasteful' | 'fixed') {
  const own = await certificate();
  const ports = new Map<string, number>();
  const runs: Record<string, object> = {};
  for (const file of readdirSync(FOLDER).filter(each => !NOT_SCENARIOS.includes(each))) {
    const name = file.replace('.ts', '');
    const { scenario } = (await import(join(FOLDER, file))) as { scenario: Scenario };
    const variant: Variant | undefined = scenario[kind];
    const client = CLIENT_OF[name] ?? CLIENTS.find(each => variant !== undefined && appliesTo(variant, each));
    if (variant === undefined || client === undefined) continue;

    const options = { kind: 'http', host: '127.0.0.1', keepAliveTimeout: 60_000, ...variant.server } as const;
    const start = async () => (await startServer({ ...options, certificate: own }, onTestFinished)).port;
    const port = variant.serverStopped ? await freePort() : await start();
    ports.set(name, port);
    runs[name] = { kind, client, port, ca: own.cert };
  }
  const program = [process.execPath, 'test/cli/program.ts', JSON.stringify(runs)];
  const command = spawn(process.execPath, ['dist/cli.js', '--json', '--', ...program], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, OTEL_METRICS_EXPORTER: 'none', CONNMETER_MAX_ORIGINS: '1000' },
  });
  const { findings } = JSON.parse(await text(command.stdout)) as Overview;
  return Object.fromEntries(
    Array.from(ports, ([name, port]) => [name, findings.filter(finding => finding.port === port)]),
  );
}

test('each wasteful program has its true story first, with a line of the program', { timeout: 60_000 }, async () => {
  const findings = await play('wasteful');

  expect(Object.keys(findings)).toEqual(Object.keys(STORIES));
  for (const [name, stories] of Object.entries(STORIES)) {
    const [first] = findings[name] ?? [];
    expect([name, stories]).toEqual([name, expect.arrayContaining([first?.kind ?? 'none'])]);
    if (first !== undefined)
      expect([name, first.sites[0]]).toEqual([name, expect.stringMatching(/^examples\/scenarios\/[\w-]+\.ts:\d+$/)]);
  }
});

test('the fixed programs have no findings', { timeout: 60_000 }, async () => {
  const findings = await play('fixed');

  expect(Object.entries(findings).filter(([name, found]) => found.length > 0 && !NOT_FIXED.includes(name))).toEqual([]);
});
