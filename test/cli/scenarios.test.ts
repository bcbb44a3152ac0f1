import { spawn, spawnSync } from 'node:child_process';
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

// The programs of examples/scenarios under the command `connmeter`: each wasteful one has its true story first, with a line, and the
// fixed ones have no findings.

const ROOT = join(import.meta.dirname, '../..');
const FOLDER = join(ROOT, 'examples/scenarios');
const NOT_SCENARIOS = ['basic.ts', 'run.ts', 'scenario.ts'];
/** Over HTTP/2, fetch needs a setting of the whole process. */
const CLIENT_OF: Readonly<Record<string, ClientName>> = { 'http2-goaway': 'undici8', 'http2-stampede': 'undici8' };

/** What each wasteful program wastes. Undefined: nothing that can be changed. */
const STORIES: Readonly<Record<string, readonly FindingKind[]>> = {
  'aborted-before-answer': ['request_aborted'],
  'cancelled-body': ['body_cancelled'],
  'client-per-request': ['new_pool'],
};

const names = readdirSync(FOLDER)
  .filter(file => !NOT_SCENARIOS.includes(file))
  .map(file => file.replace('.ts', ''));

async function play(kind: 'wasteful' | 'fixed') {
  const own = await certificate();
  const ports = new Map<number, string>();
  const runs: Record<string, object> = {};
  for (const name of names) {
    const { scenario } = (await import(join(FOLDER, `${name}.ts`))) as { scenario: Scenario };
    const variant: Variant | undefined = scenario[kind];
    const client = CLIENT_OF[name] ?? CLIENTS.find(each => variant !== undefined && appliesTo(variant, each));
    if (variant === undefined || client === undefined) continue;

    const options = {
      kind: 'http',
      host: '127.0.0.1',
      keepAliveTimeout: 60_000,
      ...variant.server,
      certificate: own,
    } as const;
    const port = variant.serverStopped ? await freePort() : (await startServer(options, onTestFinished)).port;
    ports.set(port, name);
    runs[name] = { kind, client, port, ca: own.cert };
  }
  const command = spawn(
    process.execPath,
    ['dist/cli.js', '--json', '--', process.execPath, 'test/cli/program.ts', JSON.stringify(runs)],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, OTEL_METRICS_EXPORTER: 'none', CONNMETER_MAX_ORIGINS: '1000' },
    },
  );
  const overview = JSON.parse(await text(command.stdout)) as Overview;
  return { overview, ports };
}

test.each(['wasteful', 'fixed'] as const)('%s', async kind => {
  const { overview, ports } = await play(kind);
  for (const [port, name] of ports) {
    const findings = overview.findings.filter(each => each.port === port);
    console.log(
      name,
      findings.map(({ kind, count, of, sites }) => `${kind} ${count}/${of} ${sites}`),
    );
  }
  for (const [port, name] of ports)
    if (!overview.findings.some(f => f.port === port))
      console.log(
        name,
        JSON.stringify(
          overview.origins
            .filter(o => o.port === port)
            .slice(0, 2)
            .map(({ opened, closed, requests, setup }) => ({ opened, closed, requests, setup })),
        ),
      );
  console.log(overview.findings.filter(({ port }) => !ports.has(port ?? 0)));
});
